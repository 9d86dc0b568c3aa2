// What the log says of a request, and what it must never say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, anthropic, chat, message, openai } from '../harness/clients.mjs';
import {
  configFor,
  kAnthropicKey,
  kClientKey,
  kOpenAiKey,
  startGateway,
} from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { exchange, request } from '../harness/raw.mjs';
import { json, oa, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();

test('a line as JSON has the facts of the request', async () => {
  const gateway = await startGateway(configFor(mock.url, { logging: { level: 'info' } }));
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const headers = { 'x-request-id': 'logged-1', traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  await all(
    await openai(gateway).chat.completions.create(chat('mock-c5', { stream: true }), { headers }),
  );
  const line = await gateway.requestLine({ request_id: 'logged-1' });
  const expected = {
    level: 'info',
    event: 'request',
    trace_id: trace,
    client: '127.0.0.1',
    route: '/v1/chat/completions',
    key: 'tester',
    model: 'mock-c5',
    provider: 'oa',
    upstream_model: 'mock-c5',
    stream: true,
    status: 200,
    error: '',
    attempts: 1,
    tokens_out: 5,
    finish: 'stop',
  };
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(line[name], value, name);
  assert.ok(line.tokens_in > 0);
  assert.ok(line.ttft_ms >= 0 && line.took_ms >= line.ttft_ms);
  assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 60_000);
  for (const each of gateway.stdout.seen.slice(1)) JSON.parse(each);
});

test('a line as text has one line a request, and the same facts', async () => {
  const gateway = await startGateway(
    configFor(mock.url, { logging: { level: 'info', format: 'text' } }),
  );
  const headers = { 'x-request-id': 'logged-2' };
  // A name that would be a second line, had it its way.
  const strange = 'mock\n2026-11-21T00:00:00Z info request_id=forged "x" \u001b[31m';
  await gateway.post('/v1/chat/completions', chat(strange), headers);
  const line = await gateway.stdout.first(/request_id=logged-2/);
  assert.match(line, /^\d{4}-\d\d-\d\dT[\d:.]+Z info {2}request /);
  assert.match(line, / status=400 /);
  assert.ok(!gateway.stdout.seen.some((each) => /^2026-11-21T00:00:00Z/.test(each)));
  assert.ok(!gateway.stdout.text.includes('\u001b'));
});

test('every failure has its line', async () => {
  const gateway = await startGateway(configFor(mock.url));
  const cases = [
    [{ authorization: 'Bearer no' }, chat('mock'), 401, 'invalid_api_key'],
    [{}, '{', 400, 'invalid_request'],
    [{}, chat('mock-e503'), 502, 'upstream_error'],
    [{}, chat('mock-e401'), 502, 'upstream_auth'],
    [{}, chat('mock-e404'), 404, 'model_not_found'],
  ];
  for (const [i, [headers, body, status, error]] of cases.entries()) {
    await gateway.post('/v1/chat/completions', body, { 'x-request-id': `failed-${i}`, ...headers });
    const line = await gateway.requestLine({ request_id: `failed-${i}` });
    assert.equal(line.status, status);
    assert.equal(line.error, error);
  }
});

for (const format of ['json', 'text']) {
  test(`no credential, prompt or answer is in the log, at level debug, as ${format}`, async () => {
    const upstream = await startUpstream();
    const config = configFor(mock.url, {
      logging: { level: 'debug', format },
      auth: { admin_token: 'admin-token-0123456789' },
      routing: { rules: [{ type: 'prefix', pattern: 'hand-', target: 'hand' }] },
    });
    config.providers.push({
      name: 'hand',
      type: 'openai',
      base_url: `${upstream.url}/v1`,
      api_keys: ['sk-upstream-hand-01', 'sk-upstream-hand-02'],
      headers: { 'x-secret': 'header-secret-0123' },
    });
    const gateway = await startGateway(config);
    const prompt = 'prompt-that-nobody-may-read';
    const messages = [{ role: 'user', content: prompt }];
    const secrets = [
      kClientKey,
      kOpenAiKey,
      kAnthropicKey,
      'sk-upstream-hand-01',
      'sk-upstream-hand-02',
      'admin-token-0123456789',
      'header-secret-0123',
      prompt,
      'answer-that-nobody-may-read',
      'sk-stranger-0123456789',
      'session=cookie-secret',
      'query-secret-0123',
    ];
    const client = openai(gateway);
    const answer = 'answer-that-nobody-may-read';

    await all(await client.chat.completions.create({ model: 'mock-c5', messages, stream: true }));
    const direct = await openai({ url: mock.url }).chat.completions.create(chat('mock-c30'));
    const words = (await client.chat.completions.create({ model: 'mock-c30', messages })).choices[0]
      .message.content;
    assert.equal(words, direct.choices[0].message.content);
    await anthropic(gateway).messages.create(message('mock-c5', { messages, system: prompt }));
    await client.embeddings.create({ model: 'mock', input: prompt });

    upstream.on('hand-echo', ({ socket, request: got }) => {
      const error = { message: `${got.head} ${got.body} ${answer}`, type: 'x', code: null };
      socket.write(json(401, { error }));
    });
    upstream.on('hand-answer', ({ socket }) => socket.write(json(200, oa.whole(answer))));
    upstream.on('hand-broken', ({ socket }) =>
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n${answer}`),
    );
    for (const model of ['hand-echo', 'hand-answer', 'hand-broken']) {
      await gateway.post(
        '/v1/chat/completions',
        { model, messages },
        { cookie: 'session=cookie-secret' },
      );
    }
    await gateway.post('/v1/chat/completions', `{"model":"x","messages":["${prompt}"`);
    await gateway.post('/v1/chat/completions', { model: 'mock', messages: prompt });
    await gateway.post('/v1/chat/completions', chat('mock'), {
      authorization: 'Bearer sk-stranger-0123456789',
    });
    await gateway.post('/v1/messages?key=query-secret-0123', message('mock-c1'));
    await gateway.get('/api/live', { authorization: 'Bearer admin-token-0123456789' });
    await exchange(
      gateway.port,
      request('POST', '/v1/chat/completions', [
        ['Authorization', `Bearer ${kClientKey}`],
        ['X bad', prompt],
      ]),
    );
    assert.ok(await gateway.reload(config));
    await gateway.stop();

    const said = gateway.stdout.text + gateway.stderr.text;
    for (const secret of secrets) assert.ok(!said.includes(secret), `${secret} is in the log`);
    assert.ok(!said.includes(words.slice(0, 40)));
    assert.ok(said.includes('sk-ups'), 'a key appears as its first characters');
    assert.equal(gateway.stderr.text.trim(), '');
  });
}
