// An HTTP/2 origin: TLS when it is given an identity, else by prior knowledge. Node's own server, its stream interface.
import crypto from 'node:crypto';
import http2 from 'node:http2';
import { Readable } from 'node:stream';

import { Queue, config, once } from './script.mjs';

export const BLOCK = Buffer.from(Array.from({ length: 65536 }, (_, index) => index % 256));

/** `size` bytes that repeat BLOCK. */
export function* bytes(size) {
  for (let left = size; left > 0; left -= BLOCK.length) yield left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
}

export async function digest(stream) {
  const hash = crypto.createHash('sha256');
  let length = 0;
  for await (const part of stream) {
    hash.update(part);
    length += part.length;
  }
  return { length, sha256: hash.digest('hex') };
}

export const sum = (size) => {
  const hash = crypto.createHash('sha256');
  for (const part of bytes(size)) hash.update(part);
  return hash.digest('hex');
};

export class H2Origin {
  sessions = 0;
  streams = 0; // open now
  mostStreams = 0;
  requests = new Queue(); // heads, as they come
  ends = new Queue(); // {path, code} of streams that ended before their answer did
  next = new Queue(); // what /sse says next; null = the end
  release = new Queue(); // lets /held answer
  written = 0; // by /flood

  static async start({ tls = true, http1 = false, settings = {} } = {}) {
    const origin = new this();
    const options = { settings, maxSendHeaderBlockLength: 1 << 20, ...(tls && { key: config.key, cert: config.certificate, allowHTTP1: http1 }) };
    origin.server = tls ? http2.createSecureServer(options) : http2.createServer(options);
    origin.server.on('session', () => { ++origin.sessions; });
    origin.server.on('sessionError', () => {}); // how a client leaves is the test's business
    origin.server.on('stream', (stream, headers, flags, raw) => origin.#serve(stream, headers, raw));
    if (http1) origin.#serveHttp1();
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    origin.place = `localhost:${origin.server.address().port}`;
    origin.url = `${tls ? 'https' : 'http'}://${origin.place}`;
    return origin;
  }

  #serve(stream, headers, raw) {
    this.mostStreams = Math.max(this.mostStreams, ++this.streams);
    stream.on('error', () => {});
    // Node takes a request that nobody reads for a reason to end the stream as soon as it holds the whole answer itself.
    if (stream.endAfterHeaders) stream.resume();
    const url = new URL(headers[':path'], 'http://origin');
    const [, name, rest] = headers[':protocol'] ? [, headers[':protocol']] : url.pathname.split('/');
    stream.on('close', () => {
      --this.streams;
      if (stream.aborted || stream.rstCode) this.ends.put({ path: url.pathname, code: stream.rstCode });
    });
    this.requests.put({ headers, raw, path: url.pathname });
    const answer = this[`$${name}`] ?? this.missing;
    Promise.resolve(answer.call(this, stream, headers, rest, raw)).catch(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  }

  /** Node then wants to answer the streams of HTTP/2 as well, trailers and all: for tests of HTTP/1 alone. */
  #serveHttp1() {
    this.server.on('request', (request, response) => {
      if (request.httpVersionMajor === 1) response.end(JSON.stringify({ version: request.httpVersion, path: request.url }));
    });
  }

  missing(stream) { stream.respond({ ':status': 404 }, { endStream: true }); }

  json(stream, what, fields = {}) {
    stream.respond({ ':status': 200, 'content-type': 'application/json', ...fields });
    stream.end(JSON.stringify(what));
  }

  async $echo(stream, headers, rest, raw) {
    let trailers = {};
    stream.on('trailers', (fields) => { trailers = { ...fields }; });
    const seen = stream.endAfterHeaders ? { length: 0 } : await digest(stream);
    await new Promise(setImmediate); // Node tells of trailers behind the end
    this.json(stream, { method: headers[':method'], authority: headers[':authority'], scheme: headers[':scheme'],
                        path: headers[':path'], raw, ended: stream.endAfterHeaders, trailers, ...seen });
  }

  $bytes(stream, headers, size) {
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream', 'content-length': size });
    if (stream.headRequest) return stream.end();
    Readable.from(bytes(Number(size))).pipe(stream);
  }

  /** The request's body back as it comes. */
  $mirror(stream) {
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
    stream.pipe(stream);
  }

  $trailers(stream) {
    stream.respond({ ':status': 200, 'content-type': 'text/plain', trailer: 'x-checksum' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '41b5', 'x-second': 'two' }));
    stream.end('body');
  }

  /** Trailers behind no body at all. */
  $trailers_only(stream) {
    stream.respond({ ':status': 200, 'content-type': 'text/plain' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': 'none' }));
    stream.end();
  }

  $hints(stream) {
    stream.additionalHeaders({ ':status': 103, link: '</style.css>; rel=preload' });
    stream.additionalHeaders({ ':status': 103, link: '</script.js>; rel=preload' });
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end('after the hints');
  }

  async $held(stream) {
    await this.release.take();
    stream.respond({ ':status': 200 });
    stream.end('released');
  }

  /** Sends as long as it is let, and counts. */
  async $flood(stream, headers, size) {
    stream.respond({ ':status': 200, 'content-type': 'application/octet-stream' });
    const gone = new Promise((resolve) => stream.once('close', resolve));
    for (const part of bytes(Number(size))) {
      if (stream.destroyed) return;
      if (!stream.write(part)) await Promise.race([once(stream, 'drain'), gone]);
      this.written += part.length;
    }
    stream.end();
  }

  /** Takes nothing of the request's body until released. */
  async $deaf(stream) {
    await this.release.take();
    this.json(stream, await digest(stream));
  }

  async $sse(stream) {
    stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
    for (let event; (event = await this.next.take()) !== null;) stream.write(`data: ${event}\n\n`);
    stream.end();
  }

  $status(stream, headers, status) {
    stream.respond({ ':status': Number(status), etag: '"tag"' }, { endStream: true });
  }

  $push(stream) { this.json(stream, { allowed: stream.pushAllowed }); }

  $big_head(stream, headers, size) {
    this.json(stream, {}, Object.fromEntries(Array.from({ length: Number(size) / 1000 }, (_, n) => [`x-filler-${n}`, 'f'.repeat(980)])));
  }

  $cookies(stream) {
    stream.respond({ ':status': 200, 'set-cookie': ['sid=s3cret; Path=/; HttpOnly', 'b=2', 'c=3'] });
    stream.end('three cookies');
  }

  /** A part of a body; when released, RST_STREAM. */
  async $reset(stream) {
    stream.respond({ ':status': 200 });
    stream.write('0123456789');
    await this.release.take();
    stream.destroy(new Error('reset'));
  }

  /** A part of a body; when released, its end, though content-length promised more. */
  async $short(stream) {
    stream.respond({ ':status': 200, 'content-length': 1000 });
    stream.write('0123456789');
    await this.release.take();
    stream.end();
  }

  /** Refuses the first try, as a server does that is about to leave. */
  $refused_once(stream) {
    if (this.refused) return this.json(stream, { tries: 2 });
    this.refused = true;
    stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  }

  $goaway(stream) {
    stream.session.goaway();
    this.json(stream, { session: this.sessions });
  }

  /** A whole answer to a request whose body it does not read. */
  $early(stream) {
    stream.respond({ ':status': 413, 'content-type': 'text/plain' });
    stream.end('too much for me');
  }
}
