// The errors of upstreams, as src/dialect/testdata/err_matrix.json holds them, told to clients of
// the other dialect: over HTTP with all that they read, whole and streamed.
// Pitfall 29 of src/dialect/chat/testdata/README.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { json, startUpstream } from '../harness/upstream.mjs';

const rows = JSON.parse(
  readFileSync(new URL('../../src/dialect/testdata/err_matrix.json', import.meta.url), 'utf8'),
);
const upstream = await startUpstream();
const closed = await new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

const [openaiProvider, anthropicProvider] = configFor(upstream.url).providers;
const providers = [];
const rules = [];
/// A provider of its own for each model, since a refused key is not asked again.
function provide(model, dialect, changes = {}) {
  const base = dialect === 'openai' ? openaiProvider : anthropicProvider;
  providers.push({ ...base, default: false, name: `to-${model}`, ...changes });
  rules.push({ type: 'exact', pattern: model, target: `to-${model}` });
}
rows.forEach((row, i) => {
  for (const way of ['whole', 'streamed']) {
    const model = `row-${i}-${way}`;
    provide(model, row.upstream);
    const headers = { 'request-id': 'req_upstream', 'x-request-id': 'req_upstream', ...row.headers };
    upstream.on(model, ({ socket }) => socket.write(json(row.status, row.body, headers)));
  }
});
for (const dialect of ['openai', 'anthropic']) {
  provide(`silent-${dialect}`, dialect, { timeouts: { first_token: '60ms', total: '120ms' } });
  upstream.on(`silent-${dialect}`, () => {});
  const port = `http://127.0.0.1:${closed}`;
  provide(`nobody-${dialect}`, dialect, { base_url: dialect === 'openai' ? `${port}/v1` : port });
}
const gateway = await startGateway(
  configFor(upstream.url, { providers, routing: { rules, retry: { attempts: 1, max_wait: '0s' } } }),
);

/// What the client of the other dialect reads.
async function told(dialect, model, stream = false) {
  const answer =
    dialect === 'anthropic'
      ? await gateway.post('/v1/chat/completions', chat(model, { stream }))
      : await gateway.post('/v1/messages', message(model, { stream }));
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const body = await answer.json();
  const id = answer.headers.get('x-request-id');
  assert.match(id, /^[A-Za-z0-9._-]+$/);
  assert.notEqual(id, 'req_upstream');
  if (dialect === 'openai') {
    assert.equal(answer.headers.get('request-id'), id);
    assert.equal(body.type, 'error');
    assert.equal(body.request_id, id);
  } else {
    assert.deepEqual(Object.keys(body), ['error']);
    assert.deepEqual(Object.keys(body.error), ['message', 'type', 'param', 'code']);
  }
  assert.equal(typeof body.error.message, 'string');
  return { answer, error: body.error };
}

for (const dialect of ['anthropic', 'openai']) {
  describe(`an error of an upstream that speaks as ${dialect}`, () => {
    rows.forEach((row, i) => {
      if (row.upstream !== dialect) return;
      for (const way of ['whole', 'streamed']) {
        test(`${row.status}: ${row.note}, ${way}`, async () => {
          const { answer, error } = await told(dialect, `row-${i}-${way}`, way === 'streamed');
          const { status, type, code, message: words, should_retry, retry_after } = row.client;
          assert.equal(answer.status, status);
          assert.equal(error.type, type);
          if (code !== undefined) assert.equal(error.code, code);
          if (words !== undefined) assert.equal(error.message, words);
          assert.equal(answer.headers.get('x-should-retry'), should_retry === false ? 'false' : null);
          if (retry_after) assert.equal(answer.headers.get('retry-after'), retry_after);
          if (should_retry === false) assert.equal(answer.headers.get('retry-after'), null);
          assert.equal(upstream.of(`row-${i}-${way}`).length, 1);
        });
      }
    });

    test('that does not answer in time', async () => {
      const { answer, error } = await told(dialect, `silent-${dialect}`);
      assert.equal(answer.status, 504);
      assert.equal(error.type, dialect === 'openai' ? 'timeout_error' : 'server_error');
      if (dialect === 'anthropic') assert.equal(error.code, 'upstream_timeout');
    });

    test('that cannot be reached', async () => {
      const { answer, error } = await told(dialect, `nobody-${dialect}`);
      assert.equal(answer.status, 502);
      assert.equal(error.type, dialect === 'openai' ? 'api_error' : 'server_error');
      if (dialect === 'anthropic') assert.equal(error.code, 'upstream_unreachable');
    });
  });
}
