// gRPC through a proxy: @grpc/grpc-js on both ends. It finds the proxy in $grpc_proxy, as its users have it.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';

import grpc from '@grpc/grpc-js';

import { Queue, config, run } from './script.mjs';

const packed = { requestSerialize: (it) => Buffer.from(it), requestDeserialize: (it) => it.toString('latin1'),
                 responseSerialize: (it) => Buffer.from(it), responseDeserialize: (it) => it.toString('latin1') };
const method = (name, requestStream, responseStream) => [name, { path: `/test.Echo/${name}`, requestStream, responseStream, ...packed }];
const service = Object.fromEntries([
  method('Unary', false, false), method('Fail', false, false), method('Wait', false, false), method('Down', false, true),
  method('Up', true, false), method('Chat', true, true)]);

const cancelled = new Queue();
const waiting = new Queue();
const next = new Queue();

const handlers = {
  Unary(call, reply) {
    const back = new grpc.Metadata();
    back.set('x-seen', call.metadata.get('x-mine').join());
    back.set('x-bytes-bin', Buffer.from([0, 255, 128]));
    call.sendMetadata(back);
    const trailing = new grpc.Metadata();
    trailing.set('x-trailing', 'behind');
    reply(null, `echo ${call.request}`, trailing);
  },
  Fail(call, reply) {
    const metadata = new grpc.Metadata();
    metadata.set('x-detail', 'more');
    reply({ code: grpc.status.FAILED_PRECONDITION, details: 'näh, 100%', metadata });
  },
  Wait(call) {
    call.on('cancelled', () => cancelled.put(call.request));
    waiting.put(call.request);
  },
  async Down(call) {
    for (let message; (message = await next.take()) !== null;) call.write(message);
    call.end();
  },
  Up(call, reply) {
    const hash = crypto.createHash('sha256');
    let length = 0;
    call.on('data', (part) => { hash.update(part, 'latin1'); length += part.length; });
    call.on('end', () => reply(null, JSON.stringify({ length, sha256: hash.digest('hex') })));
  },
  Chat(call) {
    call.on('data', (message) => call.write(`pong ${message}`));
    call.on('end', () => call.end());
    call.on('cancelled', () => cancelled.put('chat'));
  },
};

async function start() {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(service, handlers);
  const credentials = config.secure
    ? grpc.ServerCredentials.createSsl(null, [{ private_key: config.key, cert_chain: config.certificate }])
    : grpc.ServerCredentials.createInsecure();
  const port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => error ? reject(error) : resolve(bound)));
  const Client = grpc.makeGenericClientConstructor(service, 'Echo');
  return new Client(`localhost:${port}`, config.secure ? grpc.credentials.createSsl(config.ca) : grpc.credentials.createInsecure(),
                    { 'grpc.max_receive_message_length': -1 });
}

/** What a call of one answer ends with. */
const unary = (client, name, request, metadata = new grpc.Metadata(), options = {}) => new Promise((resolve) => {
  const seen = {};
  const call = client[name](request, metadata, options, (error, answer) => Object.assign(seen, { error, answer }));
  call.on('metadata', (it) => { seen.metadata = it; });
  call.on('status', (status) => setImmediate(() => resolve({ ...seen, status })));
  seen.call = call;
  options.called?.(call);
});

function queued(call) {
  const messages = new Queue();
  call.on('data', (message) => messages.put(message));
  call.on('error', (error) => messages.put(error));
  call.on('end', () => messages.put(null));
  return messages;
}

const client = await start();

await run({
  async unary() {
    const metadata = new grpc.Metadata();
    metadata.set('x-mine', 'one');
    const { answer, status, metadata: back } = await unary(client, 'Unary', 'hello', metadata);
    assert.deepEqual([answer, status.code], ['echo hello', grpc.status.OK]);
    assert.deepEqual([back.get('x-seen'), back.get('x-bytes-bin')], [['one'], [Buffer.from([0, 255, 128])]]);
    assert.deepEqual(status.metadata.get('x-trailing'), ['behind']);
  },

  async many() {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => unary(client, 'Unary', String(n))));
    answers.forEach(({ answer }, n) => assert.equal(answer, `echo ${n}`));
  },

  async server_streaming() {
    const messages = queued(client.Down('go'));
    for (let n = 0; n < 10; ++n) {
      next.put(`event ${n}`);
      assert.equal(await messages.take(), `event ${n}`); // and only then comes the next
    }
    next.put(null);
    assert.equal(await messages.take(), null);
  },

  async client_streaming() {
    const part = crypto.randomBytes(1 << 20);
    const hash = crypto.createHash('sha256');
    const answer = new Promise((resolve, reject) => {
      const call = client.Up((error, it) => error ? reject(error) : resolve(it));
      for (let n = 0; n < 20; ++n) {
        call.write(part);
        hash.update(part);
      }
      call.end();
    });
    assert.deepEqual(JSON.parse(await answer), { length: 20 << 20, sha256: hash.digest('hex') });
  },

  async bidirectional() {
    const call = client.Chat();
    const messages = queued(call);
    for (let n = 0; n < 50; ++n) {
      call.write(`${n}`);
      assert.equal(await messages.take(), `pong ${n}`);
    }
    call.end();
    assert.equal(await messages.take(), null);
  },

  async failing() {
    const { error, status } = await unary(client, 'Fail', 'now');
    assert.deepEqual([error.code, error.details], [grpc.status.FAILED_PRECONDITION, 'näh, 100%']);
    assert.deepEqual(status.metadata.get('x-detail'), ['more']);
    const missing = await new Promise((resolve) => client.makeUnaryRequest('/test.Echo/Missing', packed.requestSerialize,
                                                                         packed.responseDeserialize, '', resolve));
    assert.equal(missing.code, grpc.status.UNIMPLEMENTED);
  },

  async deadline_and_cancel() {
    const late = await unary(client, 'Wait', 'deadline', new grpc.Metadata(), { deadline: Date.now() + 300 });
    assert.equal(late.error.code, grpc.status.DEADLINE_EXCEEDED);
    assert.equal(await cancelled.take(), 'deadline');
    await waiting.take();
    let call;
    const dropped = unary(client, 'Wait', 'cancel', new grpc.Metadata(), { called: (it) => { call = it; } });
    assert.equal(await waiting.take(), 'cancel');
    call.cancel();
    assert.equal((await dropped).error.code, grpc.status.CANCELLED);
    assert.equal(await cancelled.take(), 'cancel');
    const chat = client.Chat();
    const messages = queued(chat);
    chat.write('one');
    assert.equal(await messages.take(), 'pong one');
    chat.cancel();
    assert.equal(await cancelled.take(), 'chat');
    assert.equal((await unary(client, 'Unary', 'after')).answer, 'echo after');
  },
});
