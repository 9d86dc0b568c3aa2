// Upstreams that fail before any content: what is tried again, and what the client is told.
import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import {
  an,
  chunk,
  json,
  kLastChunk,
  kStreamHead,
  oa,
  response,
  startUpstream,
} from '../harness/upstream.mjs';

const upstream = await startUpstream();
const config = configFor(upstream.url);
for (const provider of config.providers) {
  provider.timeouts = {
    connect: '1s',
    first_token: '900ms',
    between_tokens: '900ms',
    total: '5s',
  };
  // Every attempt on a connection of its own: one that was waiting may fail for being old.
  provider.pool = { max_idle: 0 };
}
const gateway = await startGateway(config);
let number = 0;

const dialects = {
  openai: {
    path: '/v1/chat/completions',
    body: chat,
    good: ({ socket }) =>
      socket.write(
        kStreamHead + chunk(oa.role() + oa.text('good') + oa.finish() + oa.done()) + kLastChunk,
      ),
    whole: ({ socket }) => socket.write(json(200, oa.whole('good'))),
    preamble: oa.role(),
  },
  anthropic: {
    path: '/v1/messages',
    body: message,
    good: ({ socket }) =>
      socket.write(
        kStreamHead + chunk(an.start() + an.text('good') + an.finish() + an.done()) + kLastChunk,
      ),
    whole: ({ socket }) =>
      socket.write(
        json(200, {
          type: 'message',
          content: [{ type: 'text', text: 'good' }],
          stop_reason: 'end_turn',
        }),
      ),
    preamble: an.start(),
  },
};

/// Asks once; says what came, how often the upstream was asked and how long it took.
async function ask(dialect, behaviours, { stream = true } = {}) {
  const { path, body } = dialects[dialect];
  const model = upstream.on(`model-${++number}`, behaviours);
  const begun = performance.now();
  const answer = await gateway.post(path, body(model, { stream }));
  const text = await answer.text();
  assert.ok(performance.now() - begun < 15_000, 'it took too long');
  const attempts = upstream.of(model).length;
  assert.equal(answer.headers.get('x-sluice-attempts'), String(attempts));
  return {
    status: answer.status,
    text,
    attempts,
    headers: answer.headers,
    model,
  };
}

/// The refusal has this status, and the types and codes of the contract's table.
function assertRefused(dialect, got, status, type, code) {
  assert.equal(got.status, status, got.text);
  assert.match(got.headers.get('content-type'), /^application\/json/);
  const body = JSON.parse(got.text);
  if (dialect === 'openai') {
    assert.equal(body.error.type, type);
    assert.equal(body.error.code, code);
    assert.equal(typeof body.error.message, 'string');
  } else {
    assert.equal(body.type, 'error');
    assert.equal(body.error.type, type);
    if (code) assert.equal(body.error.details.error_code, code);
    assert.ok(body.request_id);
  }
  assert.ok(!got.text.includes('127.0.0.1'), 'nothing internal leaks');
}

function assertGood(got, attempts) {
  assert.equal(got.status, 200, got.text);
  assert.ok(got.text.includes('good'));
  assert.ok(!got.text.includes('bad'));
  assert.equal(got.attempts, attempts);
}

const reset = ({ socket }) => socket.resetAndDestroy();
const close = ({ socket }) => socket.end();
const status =
  (code, headers) =>
  ({ socket }) =>
    socket.write(json(code, { error: { message: 'bad', type: 'bad', code: null } }, headers));
const silence = () => {};
const headOnly = ({ socket }) => socket.write(kStreamHead);

for (const dialect of Object.keys(dialects)) {
  const { good, whole, preamble } = dialects[dialect];
  const isOpenAi = dialect === 'openai';
  const server = isOpenAi ? 'server_error' : 'api_error';
  const timeout = isOpenAi ? 'server_error' : 'timeout_error';

  describe(`${dialect}: tried again`, { concurrency: 8 }, () => {
    const faults = {
      'a reset before the headers': reset,
      'a close before the headers': close,
      'a 500': status(500),
      'a 502': status(502),
      'a 503': status(503),
      'a 529': status(529),
      'a 429 with a short retry-after': status(429, { 'retry-after': '0' }),
      'a 429 without retry-after': status(429),
      'an answer that is not HTTP': ({ socket }) => socket.end('220 mail.test ESMTP ready\r\n'),
      'a head that is cut': ({ socket }) => socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/ev'),
      'two lengths that differ': ({ socket }) =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nbadly'),
      'a stream cut before its first event': ({ socket }) => socket.end(kStreamHead),
      'a stream cut after its preamble': ({ socket }) => socket.end(kStreamHead + chunk(preamble)),
      'a stream reset after its preamble': ({ socket }) =>
        socket.write(kStreamHead + chunk(preamble), () =>
          setImmediate(() => socket.resetAndDestroy()),
        ),
    };
    for (const [name, fault] of Object.entries(faults)) {
      test(name, async () => assertGood(await ask(dialect, [fault, good]), 2));
    }

    test('a 500 of a call that is not streamed', async () => {
      assertGood(await ask(dialect, [status(500), whole], { stream: false }), 2);
    });

    test('a cut answer of a call that is not streamed', async () => {
      const cut = ({ socket }) =>
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"bad":');
      assertGood(await ask(dialect, [cut, whole], { stream: false }), 2);
    });

    test('an error event before any content', async () => {
      const error = { type: 'server_error', message: 'bad', code: null };
      const event = isOpenAi ? oa.error(error) : an.error({ type: 'api_error', message: 'bad' });
      const fault = ({ socket }) =>
        socket.write(kStreamHead + chunk(preamble + event) + kLastChunk);
      assertGood(await ask(dialect, [fault, good]), 2);
    });

    test('a 429 is waited out as long as it says', async () => {
      const begun = performance.now();
      assertGood(await ask(dialect, [status(429, { 'retry-after': '1' }), good]), 2);
      assert.ok(performance.now() - begun >= 900);
    });
  });

  describe(`${dialect}: refused in the end`, { concurrency: 8 }, () => {
    test('500 for ever', async () => {
      const got = await ask(dialect, status(500));
      assertRefused(dialect, got, 502, server, 'upstream_error');
      assert.equal(got.attempts, 2);
    });

    test('503 for ever', async () => {
      const got = await ask(dialect, status(503));
      assertRefused(dialect, got, 502, server, 'upstream_error');
      assert.equal(got.attempts, 2);
    });

    test('429 for ever, with the retry-after of the upstream', async () => {
      const got = await ask(dialect, status(429, { 'retry-after': '17' }));
      assertRefused(dialect, got, 429, 'rate_limit_error', 'upstream_rate_limited');
      assert.equal(got.headers.get('retry-after'), '17');
    });

    test('429 for ever without retry-after gets one', async () => {
      const got = await ask(dialect, status(429));
      assertRefused(dialect, got, 429, 'rate_limit_error', 'upstream_rate_limited');
      assert.ok(Number(got.headers.get('retry-after')) >= 1);
    });

    test('resets for ever', async () => {
      const got = await ask(dialect, reset);
      assertRefused(dialect, got, 502, server, 'upstream_error');
    });

    test('not HTTP for ever', async () => {
      const got = await ask(dialect, ({ socket }) => socket.end('garbage\r\n\r\n'));
      assertRefused(dialect, got, 502, server, 'upstream_error');
    });

    test('silence before the headers', async () => {
      const got = await ask(dialect, silence);
      assertRefused(dialect, got, 504, timeout, 'upstream_timeout');
      assert.equal(got.attempts, 1, 'the silent target is not asked again');
    });

    test('silence before the headers of a call that is not streamed', async () => {
      const got = await ask(dialect, silence, { stream: false });
      assertRefused(dialect, got, 504, timeout, 'upstream_timeout');
    });

    test('silence after the headers', async () => {
      const got = await ask(dialect, headOnly);
      assertRefused(dialect, got, 504, timeout, 'upstream_timeout');
      assert.equal(got.attempts, 1);
    });

    test('silence after the preamble', async () => {
      const got = await ask(dialect, ({ socket }) => socket.write(kStreamHead + chunk(preamble)));
      assertRefused(dialect, got, 504, timeout, 'upstream_timeout');
      assert.equal(got.attempts, 1);
    });

    test('an answer that stalls half way, not streamed', async () => {
      const stall = ({ socket }) =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"bad":');
      const got = await ask(dialect, stall, { stream: false });
      assertRefused(dialect, got, 504, timeout, 'upstream_timeout');
    });

    test("the gateway's own credential", async () => {
      for (const code of [401, 403]) {
        const got = await ask(dialect, status(code));
        assertRefused(dialect, got, 502, server, 'upstream_auth');
        assert.equal(got.attempts, 1);
        assert.equal(got.headers.get('x-should-retry'), 'false');
      }
    });

    test('a page of HTML instead of an error', async () => {
      const page = '<html><body>bad gateway at 10.0.0.7</body></html>';
      const fault =
        (code) =>
        ({ socket }) =>
          socket.write(response(code, page, { 'content-type': 'text/html' }));
      const failed = await ask(dialect, fault(502));
      assertRefused(dialect, failed, 502, server, 'upstream_error');
      assert.ok(!failed.text.includes('10.0.0.7'));
      const refused = await ask(dialect, fault(400));
      assertRefused(dialect, refused, 400, 'invalid_request_error', null);
      assert.ok(!refused.text.includes('<html>'));
    });

    test('an error event of a full upstream before any content', async () => {
      const event = isOpenAi
        ? oa.error({
            type: 'overloaded',
            message: 'Overloaded',
            code: 'server_is_overloaded',
          })
        : an.error({ type: 'overloaded_error', message: 'Overloaded' });
      const got = await ask(dialect, ({ socket }) =>
        socket.write(kStreamHead + chunk(preamble + event) + kLastChunk),
      );
      assertRefused(dialect, got, 502, server, 'upstream_error');
    });

    test('a redirect is no answer', async () => {
      const got = await ask(dialect, ({ socket }) =>
        socket.write(response(302, '', { location: 'http://bad.test/' })),
      );
      assertRefused(dialect, got, 502, server, 'upstream_error');
      assert.equal(got.headers.get('location'), null);
    });
  });

  describe(`${dialect}: the upstream's own refusal`, () => {
    const own = (type, text) =>
      isOpenAi
        ? {
            error: {
              message: text,
              type,
              param: 'messages',
              code: 'some_code',
            },
          }
        : {
            type: 'error',
            error: { type, message: text },
            request_id: 'req_theirs',
          };
    for (const code of [400, 404, 413, 422]) {
      test(`${code} comes through unchanged, at once`, async () => {
        const body = own('invalid_request_error', 'text of the upstream');
        const got = await ask(dialect, ({ socket }) => socket.write(json(code, body)));
        assert.equal(got.status, code);
        assert.deepEqual(JSON.parse(got.text), body);
        assert.equal(got.attempts, 1);
      });
    }

    test('of a prompt that is too long is passed on', async () => {
      const text = isOpenAi
        ? "This model's maximum context length is 8192 tokens."
        : 'prompt is too long: 9000 tokens > 8192 maximum';
      const body = own('invalid_request_error', text);
      const got = await ask(dialect, ({ socket }) => socket.write(json(400, body)));
      assert.equal(got.status, 400);
      assert.deepEqual(JSON.parse(got.text), body);
      assert.equal(got.attempts, 1);
    });
  });
}
