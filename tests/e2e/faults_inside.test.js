// Upstreams that fail inside of a stream: the client is told in the stream, and never sees a
// truncated answer as a whole one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { connect, events, exchange, request } from '../harness/raw.mjs';
import { an, chunk, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const upstream = await startUpstream();
const config = configFor(upstream.url);
for (const provider of config.providers) {
  provider.timeouts = {
    connect: '1s',
    first_token: '2s',
    between_tokens: '800ms',
    total: '2s',
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
    start: oa.role,
    text: oa.text,
    finish: oa.finish,
    done: oa.done,
    isTerminal: (event) => event.data === '[DONE]',
    code: (event) => event.json.error.code,
    isError: (event) => event.json?.error !== undefined,
  },
  anthropic: {
    path: '/v1/messages',
    body: message,
    start: an.start,
    text: an.text,
    finish: an.finish,
    done: an.done,
    isTerminal: (event) => event.event === 'message_stop',
    code: (event) => event.json.error.details.error_code,
    isError: (event) => event.event === 'error',
  },
};

async function ask(dialect, behaviour) {
  const { path, body } = dialects[dialect];
  const model = upstream.on(`model-${++number}`, behaviour);
  const headers = [['Authorization', `Bearer ${kClientKey}`]];
  const bytes = request('POST', path, headers, JSON.stringify(body(model, { stream: true })));
  const got = await exchange(gateway.port, bytes, 5000);
  assert.equal(got.status, 200, got.text);
  assert.equal(upstream.of(model).length, 1, 'nothing is tried again after content');
  return { ...got, events: events(got.text), model };
}

/// The content that came is there, then the error frame, then nothing.
async function assertBroken(dialect, got, code) {
  const { isTerminal, isError } = dialects[dialect];
  assert.ok(got.text.includes('content one'));
  assert.ok(!got.events.some(isTerminal), got.text);
  assert.ok(isError(got.events.at(-1)), got.text);
  assert.equal(got.events.filter(isError).length, 1);
  assert.equal(dialects[dialect].code(got.events.at(-1)), code);
  const line = await gateway.requestLine({ model: got.model });
  assert.equal(line.error, code);
}

function assertWhole(dialect, got) {
  const { isTerminal, isError } = dialects[dialect];
  assert.equal(got.events.filter(isTerminal).length, 1, got.text);
  assert.ok(isTerminal(got.events.at(-1)));
  assert.ok(!got.events.some(isError));
  assert.ok(got.complete);
}

for (const dialect of Object.keys(dialects)) {
  const { start, text, finish, done, isError } = dialects[dialect];
  const begun = kStreamHead + chunk(start() + text('content one'));

  describe(`${dialect}: a stream`, { concurrency: 8 }, () => {
    test('cut in the middle', async () => {
      const got = await ask(dialect, ({ socket }) => socket.end(begun));
      await assertBroken(dialect, got, 'upstream_stream_interrupted');
    });

    test('cut in the middle of an event', async () => {
      const got = await ask(dialect, ({ socket }) =>
        socket.end(begun + chunk(text('content two').slice(0, 40))),
      );
      await assertBroken(dialect, got, 'upstream_stream_interrupted');
      assert.ok(!got.text.includes('content two'));
    });

    test('reset in the middle', async () => {
      const got = await ask(dialect, ({ socket }) => {
        socket.write(begun);
        setTimeout(() => socket.resetAndDestroy(), 50);
      });
      await assertBroken(dialect, got, 'upstream_stream_interrupted');
    });

    test('ended in good order without a finish reason', async () => {
      const got = await ask(dialect, ({ socket }) => socket.write(begun + kLastChunk));
      await assertBroken(dialect, got, 'upstream_stream_interrupted');
    });

    test('with a broken chunk', async () => {
      const got = await ask(dialect, ({ socket }) => socket.write(`${begun}zz\r\n`));
      await assertBroken(dialect, got, 'upstream_stream_interrupted');
    });

    test('stalled in the middle', async () => {
      const before = performance.now();
      const got = await ask(dialect, ({ socket }) => socket.write(begun));
      await assertBroken(dialect, got, 'upstream_stalled');
      assert.ok(performance.now() - before < 10_000, 'it took too long');
    });

    test('that takes longer than the whole may', async () => {
      const got = await ask(dialect, ({ socket }) => {
        socket.write(begun);
        const timer = setInterval(() => socket.write(chunk(text('more'))), 100);
        socket.on('close', () => clearInterval(timer));
      });
      await assertBroken(dialect, got, 'upstream_stalled');
    });

    test('with a malformed event goes on without it', async () => {
      const bad = 'data: {"choices":[{"index":0,"delta":{"content":"bad\n\n';
      const got = await ask(dialect, ({ socket }) =>
        socket.write(begun + chunk(bad + text('content two') + finish() + done()) + kLastChunk),
      );
      assertWhole(dialect, got);
      assert.ok(got.text.includes('content two'));
      assert.ok(!got.text.includes('bad'));
    });

    test('without its terminal event after a finish reason is completed', async () => {
      for (const end of [kLastChunk, '']) {
        const got = await ask(dialect, ({ socket }) => socket.end(begun + chunk(finish()) + end));
        assertWhole(dialect, got);
      }
    });

    test('whose last event lacks its blank line is completed', async () => {
      const got = await ask(dialect, ({ socket }) =>
        socket.end(begun + chunk(finish() + done().trimEnd()) + kLastChunk),
      );
      assertWhole(dialect, got);
    });

    test('with an error event after content', async () => {
      const theirs =
        dialect === 'openai'
          ? oa.error({
              message: 'The server had an error',
              type: 'server_error',
              code: 'theirs',
            })
          : an.error({ type: 'overloaded_error', message: 'Overloaded' });
      const got = await ask(dialect, ({ socket }) =>
        socket.write(begun + chunk(theirs + text('bad') + finish() + done()) + kLastChunk),
      );
      assert.ok(got.text.endsWith(theirs), got.text);
      assert.equal(got.events.filter(isError).length, 1);
      assert.ok(!got.text.includes('bad'));
    });

    test('without a single event but a good end is no success', async () => {
      const { path, body } = dialects[dialect];
      const model = upstream.on(`model-${++number}`, ({ socket }) =>
        socket.write(kStreamHead + kLastChunk),
      );
      const answer = await gateway.post(path, body(model, { stream: true }));
      assert.equal(answer.status, 502);
      assert.match(answer.headers.get('content-type'), /^application\/json/);
    });

    test('without content, but with a finish reason, is a success', async () => {
      const got = await ask(dialect, ({ socket }) =>
        socket.write(kStreamHead + chunk(start() + finish() + done()) + kLastChunk),
      );
      assertWhole(dialect, got);
    });

    test('that failed closes its connection, one that did not keeps it', async () => {
      const { path, body } = dialects[dialect];
      const good = upstream.on(`model-${++number}`, ({ socket }) =>
        socket.write(begun + chunk(finish() + done()) + kLastChunk),
      );
      const cut = upstream.on(`model-${++number}`, ({ socket }) => socket.end(begun));
      const headers = [['Authorization', `Bearer ${kClientKey}`]];
      const bytes = (model) =>
        request('POST', path, headers, JSON.stringify(body(model, { stream: true })));
      const connection = await connect(gateway.port);
      for (const model of [good, good, cut]) {
        connection.write(bytes(model));
        const got = await connection.response();
        assert.equal(got.status, 200);
        assert.ok(got.complete, 'even an error ends the body in good order');
      }
      await connection.whole();
      connection.end();
    });
  });
}

test("the upstream's connection is closed at once when a stream fails", async () => {
  let closed;
  const gone = new Promise((resolve) => (closed = resolve));
  await ask('openai', ({ socket }) => {
    socket.on('close', closed);
    socket.write(kStreamHead + chunk(oa.role() + oa.text('content one')));
  });
  await gone;
});
