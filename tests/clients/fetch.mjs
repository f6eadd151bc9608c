// Requests through a proxy by a CONNECT of our own: node MODE PROXY-PORT URL. Prints what came back as JSON.
import http from 'node:http';
import https from 'node:https';

const [, , mode, proxyPort, address] = process.argv;
const url = new URL(address);

function tunnel() {
  return new Promise((resolve, reject) => {
    const path = `${url.hostname}:${url.port}`;
    http.request({ host: '127.0.0.1', port: proxyPort, method: 'CONNECT', path, headers: { Host: path } })
      .on('connect', (response, socket) =>
        response.statusCode === 200 ? resolve(socket) : reject(new Error(`CONNECT: ${response.statusCode}`)))
      .on('error', reject)
      .end();
  });
}

function request(options, parts = []) {
  return new Promise((resolve, reject) => {
    const sent = https.request(url, options, (response) => {
      const got = [];
      response.on('data', (part) => got.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode, body: Buffer.concat(got).toString(), trailers: response.trailers,
      }));
    });
    sent.on('error', reject);
    for (const part of parts) sent.write(part);
    sent.end();
  });
}

if (mode === 'fetch') {
  const response = await fetch(url);
  console.log(JSON.stringify({ status: response.status, body: await response.text() }));
} else {
  const socket = await tunnel();
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, socket });
  const answers = [];
  answers.push(await request({ agent }));
  answers.push(await request({ agent, method: 'POST' }, ['one,', 'two']));
  console.log(JSON.stringify(answers));
  agent.destroy();
}
