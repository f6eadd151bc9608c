// Chromium through a proxy, and the origin of the page that it loads.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { chromium } from 'playwright-core';

import { H2Origin, sum } from './h2_origin.mjs';
import { config, run, say } from './script.mjs';
import { acceptOverH2, echoing, frames } from './websocket_origin.mjs';

class PageOrigin extends H2Origin {
  sockets = []; // versions of HTTP that brought WebSockets

  static async start() {
    const origin = await super.start({ http1: config.http1, settings: { enableConnectProtocol: !config.http1 } });
    const server = frames();
    origin.server.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, (peer) => {
      origin.sockets.push('h1');
      echoing(peer);
    }));
    return origin;
  }

  $(stream) {
    stream.respond({ ':status': 200, 'content-type': 'text/html' });
    fs.createReadStream(new URL('page.html', import.meta.url)).pipe(stream);
  }

  async $sum(stream, headers, size) {
    stream.respond({ ':status': 200 });
    stream.end(sum(Number(size)));
  }

  $say(stream, headers, event) {
    this.next.put(event);
    stream.respond({ ':status': 204 }, { endStream: true });
  }

  async $left(stream) {
    let end;
    do end = await this.ends.take(); while (!end.path.startsWith('/flood'));
    stream.respond({ ':status': 200 });
    stream.end(end.path);
  }

  $websocket(stream, headers) {
    this.sockets.push('h2');
    echoing(acceptOverH2(stream, headers));
  }
}

await run({
  async page() {
    const origin = await PageOrigin.start();
    const browser = await chromium.launchPersistentContext(config.profile, {
      executablePath: config.chromium, headless: true, viewport: { width: 900, height: 500 },
      proxy: { server: `http://127.0.0.1:${config.proxy}`, bypass: '<-loopback>' }, // else it would go around us for loopback
      args: ['--disable-background-networking', '--disable-component-update', '--no-first-run', '--disable-features=OptimizationHints'],
    });
    const page = await browser.newPage();
    await page.goto(`${origin.url}/`);
    await page.waitForFunction(() => document.title !== 'under way');
    await page.screenshot({ path: config.screenshot });
    const outcome = await page.evaluate(() => window.outcome);
    assert.equal(await page.title(), 'all is well', JSON.stringify(outcome, null, 2));
    say({ outcome, sockets: origin.sockets });
    await browser.close();
  },
});
