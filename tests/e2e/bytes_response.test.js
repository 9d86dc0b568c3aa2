// What the client gets is what the upstream sent, byte by byte.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import zlib from 'node:zlib';
import { chat, message } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { exchange, request } from '../harness/raw.mjs';
import {
  an,
  chunk,
  kLastChunk,
  kStreamHead,
  oa,
  response,
  startUpstream,
} from '../harness/upstream.mjs';

const upstream = await startUpstream();
const gateway = await startGateway(configFor(upstream.url));
let number = 0;

/// Lets the upstream answer with these bytes; returns the client's response.
async function answered(
  bytes,
  { stream = false, path = '/v1/chat/completions', headers = [], end = false } = {},
) {
  const model = upstream.on(`model-${++number}`, ({ socket }) =>
    end ? socket.end(bytes) : socket.write(bytes),
  );
  const body = path === '/v1/messages' ? message(model, { stream }) : chat(model, { stream });
  const all = [['Authorization', `Bearer ${kClientKey}`], ...headers];
  return exchange(gateway.port, request('POST', path, all, JSON.stringify(body)));
}

const kJson = { 'content-type': 'application/json' };
const odd =
  '\n{ "choices":[ {"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"caf\\u00e9"}}],\t"x":1.00 ,"usage":{"prompt_tokens":1e0,"completion_tokens":2,"total_tokens":3}}\n\n';

describe('an answer that is not streamed', () => {
  test('is identical', async () => {
    assert.equal((await answered(response(200, odd, kJson))).text, odd);
  });

  test('is identical though it is not JSON', async () => {
    const got = await answered(response(200, 'just text', { 'content-type': 'text/plain' }));
    assert.equal(got.text, 'just text');
    assert.equal(got.headers['content-type'], 'text/plain');
  });

  test('is identical when it comes in chunks', async () => {
    const bytes = [...odd].map((letter) => chunk(letter)).join('') + kLastChunk;
    const head =
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
    assert.equal((await answered(head + bytes)).text, odd);
  });

  test('is identical when the end of the connection ends it', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n';
    const got = await answered(head + odd, { end: true });
    assert.equal(got.text, odd);
    assert.ok(got.complete);
  });

  test('stays compressed for a client that takes it so', async () => {
    const packed = zlib.gzipSync(odd);
    const bytes = response(200, packed, {
      ...kJson,
      'content-encoding': 'gzip',
    });
    const got = await answered(bytes, {
      headers: [['Accept-Encoding', 'gzip, deflate']],
    });
    assert.equal(got.headers['content-encoding'], 'gzip');
    assert.deepEqual(Buffer.from(got.body), packed);
    assert.equal(upstream.of(`model-${number}`)[0].headers['accept-encoding'], 'gzip');
    assert.equal((await gateway.requestLine({ model: `model-${number}` })).tokens_out, 2);
  });

  test('is unpacked for a client that does not', async () => {
    const bytes = response(200, zlib.gzipSync(odd), {
      ...kJson,
      'content-encoding': 'gzip',
    });
    const got = await answered(bytes);
    assert.equal(got.headers['content-encoding'], undefined);
    assert.equal(got.text, odd);
  });

  test('has the header fields that clients read, and not those of the connection', async () => {
    const got = await answered(
      response(200, odd, {
        ...kJson,
        'openai-version': '2020-10-01',
        'x-ratelimit-remaining-tokens': '5',
        'retry-after': '3',
        'set-cookie': 'a=b',
        server: 'upstream',
        'keep-alive': 'timeout=1',
        'x-request-id': 'theirs',
      }),
    );
    assert.equal(got.headers['openai-version'], '2020-10-01');
    assert.equal(got.headers['x-ratelimit-remaining-tokens'], '5');
    for (const name of ['set-cookie', 'server', 'keep-alive'])
      assert.equal(got.headers[name], undefined);
    assert.notEqual(got.headers['x-request-id'], 'theirs');
    assert.equal(got.list.filter(([name]) => name === 'x-request-id').length, 1);
  });
});

describe('an event stream', () => {
  const whole = oa.role() + oa.text('caf\u00e9 🙂') + oa.text('"\\n') + oa.finish() + oa.done();

  test('is identical', async () => {
    const got = await answered(kStreamHead + chunk(whole) + kLastChunk, {
      stream: true,
    });
    assert.equal(got.text, whole);
    assert.match(got.headers['content-type'], /^text\/event-stream/);
    assert.ok(got.complete);
  });

  test('is identical when it has a length, and when the end of the connection ends it', async () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
    const sized = `${head}content-length: ${Buffer.byteLength(whole)}\r\n\r\n${whole}`;
    assert.equal((await answered(sized, { stream: true })).text, whole);
    const closed = `${head}connection: close\r\n\r\n${whole}`;
    assert.equal((await answered(closed, { stream: true, end: true })).text, whole);
  });

  test('is identical though every byte comes alone', async () => {
    const bytes = [...Buffer.from(whole)].map((byte) =>
      Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
    );
    const got = await answered(
      Buffer.concat([Buffer.from(kStreamHead), ...bytes, Buffer.from(kLastChunk)]),
      { stream: true },
    );
    assert.equal(got.text, whole);
  });

  test('keeps comments, other fields, unknown events and its own line ends', async () => {
    const bytes = [
      ': OPENROUTER PROCESSING\n\n',
      oa.role(),
      'id: 7\nretry: 1000\nevent: odd\ndata: {"unknown":true}\n\n',
      oa.text('x').replaceAll('\n', '\r\n'),
      ': keep-alive\n\n',
      'data: {"choices":[{"index":0,\ndata: "delta":{"content":"two lines"}}]}\n\n',
      oa.finish(),
      oa.done(),
    ].join('');
    const got = await answered(kStreamHead + chunk(bytes) + kLastChunk, {
      stream: true,
    });
    assert.equal(got.text, bytes);
  });

  test('is identical for Anthropic, pings and all', async () => {
    const bytes =
      an.start() +
      an.event('ping', {}) +
      an.text('x') +
      an.event('future_event', { y: 1 }) +
      an.finish() +
      an.done();
    const got = await answered(kStreamHead + chunk(bytes) + kLastChunk, {
      stream: true,
      path: '/v1/messages',
    });
    assert.equal(got.text, bytes);
  });

  test('is unpacked when the upstream compresses it unasked', async () => {
    const head = kStreamHead.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n');
    const packed = zlib.gzipSync(whole);
    const bytes = Buffer.concat([
      Buffer.from(`${head}${packed.length.toString(16)}\r\n`),
      packed,
      Buffer.from(`\r\n${kLastChunk}`),
    ]);
    const got = await answered(bytes, { stream: true });
    assert.equal(got.headers['content-encoding'], undefined);
    assert.equal(got.text, whole);
    assert.equal(upstream.of(`model-${number}`)[0].headers['accept-encoding'], 'identity');
  });

  test('lacks only the usage chunk that the client did not ask for', async () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    const extra = `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', choices: [], usage })}\n\n`;
    const before = oa.role() + oa.text('x') + oa.finish();
    const got = await answered(kStreamHead + chunk(before + extra + oa.done()) + kLastChunk, {
      stream: true,
    });
    assert.equal(got.text, before + oa.done());
    const line = await gateway.requestLine({ model: `model-${number}` });
    assert.equal(line.tokens_in, 3);
    assert.equal(line.tokens_out, 2);
  });

  test('ends with its terminal event though the upstream keeps the connection open', async () => {
    const got = await answered(kStreamHead + chunk(whole), { stream: true });
    assert.equal(got.text, whole);
    assert.ok(got.complete);
  });

  test('goes to an HTTP/1.0 client without chunks', async () => {
    const bytes = kStreamHead + chunk(whole) + kLastChunk;
    const model = upstream.on(`model-${++number}`, ({ socket }) => socket.write(bytes));
    const body = JSON.stringify(chat(model, { stream: true }));
    const head = `POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer ${kClientKey}\r\n`;
    const got = await exchange(
      gateway.port,
      `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    assert.equal(got.headers['transfer-encoding'], undefined);
    assert.equal(got.text, whole);
  });

  test('with an event of four megabytes passes', async () => {
    const bytes = oa.role() + oa.text('x'.repeat(4 << 20)) + oa.finish() + oa.done();
    const got = await answered(kStreamHead + chunk(bytes) + kLastChunk, {
      stream: true,
    });
    assert.equal(got.text, bytes);
  });
});
