// Timing and order: answers before questions, clients that leave at the worst moment, upstreams
// that are busy saying nothing.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { connect, exchange, request } from '../harness/raw.mjs';
import {
  chunk,
  json,
  kLastChunk,
  kStreamHead,
  oa,
  response,
  startUpstream,
} from '../harness/upstream.mjs';

const upstream = await startUpstream();
const config = configFor(upstream.url, { routing: { retry: { max_wait: '30s' } } });
config.providers[0].timeouts = {
  connect: '1s',
  first_token: '2s',
  between_tokens: '2s',
  total: '60s',
};
config.providers[0].pool = { max_idle: 0 };
const gateway = await startGateway(config);
const headers = [['Authorization', `Bearer ${kClientKey}`]];
const route = '/v1/chat/completions';

function bytesOf(model, more = {}) {
  return request('POST', route, headers, JSON.stringify(chat(model, more)));
}

/// Resolves with the model's next request, once it has come.
function asked(model, behaviour = () => {}) {
  return new Promise((resolve) => {
    upstream.on(model, (context) => {
      context.closed = new Promise((done) => context.socket.on('close', done));
      resolve(context);
      behaviour(context);
    });
  });
}

describe('a client that leaves', { concurrency: 8 }, () => {
  test('while it sends its body costs the upstream nothing', async () => {
    const model = upstream.on('half-sent', ({ socket }) => socket.write(json(200, oa.whole('x'))));
    const connection = await connect(gateway.port);
    connection.write(bytesOf(model).subarray(0, -5));
    connection.abort();
    const full = await exchange(gateway.port, bytesOf(model));
    assert.equal(full.status, 200);
    assert.equal(upstream.of(model).length, 1);
  });

  test('while a retry-after is waited out is not asked for again', async () => {
    const model = 'leaves-while-waiting';
    const refused = asked(model, ({ socket }) =>
      socket.write(json(429, { error: {} }, { 'retry-after': '20' })),
    );
    const connection = await connect(gateway.port);
    connection.write(bytesOf(model));
    await refused;
    connection.abort();
    const line = await gateway.requestLine({ model });
    assert.equal(line.error, 'client_gone');
    assert.equal(line.status, 499);
    assert.ok(line.took_ms < 10_000);
    assert.equal(upstream.of(model).length, 1);
  });

  for (const [how, leave] of [
    ['a reset', (c) => c.abort()],
    ['an orderly close', (c) => c.end()],
  ]) {
    test(`with ${how} closes the upstream, before its headers and after`, async () => {
      const behaviours = {
        silent: () => {},
        'with-head': ({ socket }) => socket.write(kStreamHead),
        'with-preamble': ({ socket }) => socket.write(kStreamHead + chunk(oa.role())),
        'with-content': ({ socket }) => socket.write(kStreamHead + chunk(oa.text('x'))),
      };
      for (const [name, behaviour] of Object.entries(behaviours)) {
        const model = `${name}-${how.replaceAll(' ', '-')}`;
        const request_ = asked(model, behaviour);
        const connection = await connect(gateway.port);
        connection.write(bytesOf(model, { stream: true }));
        const { closed } = await request_;
        leave(connection);
        await closed;
      }
    });
  }

  test('in half, by closing its own direction, is gone', async () => {
    const model = upstream.on('half-closed', () => {});
    const connection = await connect(gateway.port);
    connection.socket.end(bytesOf(model));
    assert.equal((await connection.whole()).length, 0);
    await gateway.requestLine({ model, status: 499, error: 'client_gone' });
  });
});

describe('an upstream', { concurrency: 8 }, () => {
  test('that says nothing but comments is silent all the same', async () => {
    const model = upstream.on('comments', ({ socket }) => {
      socket.write(kStreamHead);
      const timer = setInterval(() => socket.write(chunk(': still here\n\n')), 50);
      socket.on('close', () => clearInterval(timer));
    });
    const begun = performance.now();
    const answer = await gateway.post(route, chat(model, { stream: true }));
    assert.equal(answer.status, 504);
    assert.equal((await answer.json()).error.code, 'upstream_timeout');
    assert.ok(performance.now() - begun < 10_000, 'it took too long');
  });

  test('that thinks between tokens may say so, and is not cut', async () => {
    const model = upstream.on('keep-alive', ({ socket }) => {
      socket.write(kStreamHead + chunk(oa.role() + oa.text('one')));
      let left = 10;
      const timer = setInterval(() => {
        if (--left > 0) return socket.write(chunk(': keep-alive\n\n'));
        clearInterval(timer);
        return socket.write(chunk(oa.text('two') + oa.finish() + oa.done()) + kLastChunk);
      }, 250);
    });
    const got = await exchange(gateway.port, bytesOf(model, { stream: true }));
    assert.match(got.text, /one[^]*two[^]*\[DONE\]/);
  });

  test('that sends interim answers first is waited for', async () => {
    const model = upstream.on('interim', ({ socket }) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n');
      setTimeout(() => socket.write(json(200, oa.whole('final'))), 50);
    });
    const answer = await gateway.post(route, chat(model));
    assert.equal((await answer.json()).choices[0].message.content, 'final');
  });

  test('that answers before it has read the whole body is heard', async () => {
    const early = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.end(
          json(413, {
            error: { message: 'too large for us', type: 'invalid_request_error', code: null },
          }),
        );
      });
    });
    await new Promise((resolve) => early.listen(0, '127.0.0.1', resolve));
    const other = await startGateway(configFor(`http://127.0.0.1:${early.address().port}`));
    const answer = await other.post(route, chat('m', { user: 'x'.repeat(8 << 20) }));
    assert.equal(answer.status, 413);
    assert.equal((await answer.json()).error.message, 'too large for us');
    early.close();
  });

  test('that closes its connection after each answer is asked anew', async () => {
    const model = upstream.on('closing', ({ socket }) =>
      socket.end(
        response(200, JSON.stringify(oa.whole('x')), {
          'content-type': 'application/json',
          connection: 'close',
        }),
      ),
    );
    for (let i = 0; i < 3; ++i) assert.equal((await gateway.post(route, chat(model))).status, 200);
  });

  test('with an event beyond all bounds is cut off, and the client is told', async () => {
    const model = upstream.on('endless-event', ({ socket }) => {
      socket.write(
        kStreamHead +
          chunk(oa.role() + oa.text('one')) +
          chunk('data: {"choices":[{"delta":{"content":"'),
      );
      const piece = chunk('x'.repeat(1 << 20));
      const more = () => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', more);
      more();
    });
    const before = await gateway.resident();
    const got = await exchange(gateway.port, bytesOf(model, { stream: true }), 30_000);
    assert.match(got.text, /one[^]*upstream_stream_interrupted/);
    assert.ok((await gateway.resident()) - before < 100 << 20);
  });

  test('with a head beyond all bounds is refused', async () => {
    const model = upstream.on('endless-head', ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\n`);
      const more = () => {
        while (!socket.destroyed && socket.write(`x-a: ${'a'.repeat(8000)}\r\n`));
      };
      socket.on('drain', more);
      more();
    });
    const answer = await gateway.post(route, chat(model));
    assert.equal(answer.status, 502);
    assert.equal((await answer.json()).error.code, 'upstream_error');
  });

  test('that sends an event stream unasked is passed on', async () => {
    const whole = oa.role() + oa.text('x') + oa.finish() + oa.done();
    const model = upstream.on('unasked', ({ socket }) =>
      socket.write(kStreamHead + chunk(whole) + kLastChunk),
    );
    const got = await exchange(gateway.port, bytesOf(model));
    assert.equal(got.status, 200);
    assert.equal(got.text, whole);
  });

  test('that sends JSON where a stream was asked for is passed on', async () => {
    const model = upstream.on('not-streamed', ({ socket }) =>
      socket.write(json(200, oa.whole('whole'))),
    );
    const answer = await gateway.post(route, chat(model, { stream: true }));
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    assert.equal((await answer.json()).choices[0].message.content, 'whole');
  });

  test('that answers 204 is passed on', async () => {
    const model = upstream.on('empty', ({ socket }) =>
      socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
    );
    assert.equal((await gateway.post(route, chat(model))).status, 204);
  });

  test('that injects header fields cannot', async () => {
    const model = upstream.on('injects', ({ socket }) =>
      socket.end(
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-x: a\rset-cookie: b=c\r\ncontent-length: 2\r\n\r\n{}',
      ),
    );
    const got = await exchange(gateway.port, bytesOf(model));
    assert.equal(got.status, 502);
    assert.equal(got.headers['set-cookie'], undefined);
  });
});
