// Who may call what, and from where.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, chat, message, openai } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const year = 365 * 24 * 3600 * 1000;
const gateway = await startGateway(
  configFor(mock.url, {
    server: { trusted_proxies: ['127.0.0.0/8'] },
    keys: [
      { key: kClientKey, name: 'tester' },
      { key: 'sk-limited-00000001', name: 'limited', models: ['mock-c1', 'gpt-*'] },
      {
        key: 'sk-elsewhere-000001',
        name: 'elsewhere',
        allow_ips: ['10.1.0.0/16', '2001:db8::/32'],
      },
      { key: 'sk-expired-00000001', name: 'expired', expires_at: '2020-01-01T00:00:00Z' },
      {
        key: 'sk-lasting-00000001',
        name: 'lasting',
        expires_at: new Date(Date.now() + year).toISOString().replace(/\.\d+Z/, 'Z'),
      },
    ],
  }),
);

const routes = [
  ['/v1/chat/completions', chat('mock-c1')],
  ['/v1/completions', { model: 'mock-c1', prompt: 'x' }],
  ['/v1/embeddings', { model: 'mock-c1', input: 'x' }],
  ['/v1/messages', message('mock-c1')],
];

async function refused(route, body, headers) {
  const answer = await fetch(gateway.url + route, {
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json', ...headers },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

function assertError(route, { status, body }, expected, type, code) {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(body.error.type, type);
  if (route === '/v1/messages') {
    assert.equal(body.type, 'error');
  } else {
    assert.equal(body.error.code, code);
  }
}

for (const [route, body] of routes) {
  describe(`${route} answers`, () => {
    const credentials = {
      'no key': {},
      'an unknown key': { authorization: 'Bearer sk-unknown' },
      'an empty key': { authorization: 'Bearer ' },
      'another scheme': {
        authorization: `Basic ${Buffer.from(`x:${kClientKey}`).toString('base64')}`,
      },
      'a key in part': { authorization: `Bearer ${kClientKey.slice(0, -1)}` },
      'a key with more behind it': { authorization: `Bearer ${kClientKey}x` },
      'a key that has expired': { authorization: 'Bearer sk-expired-00000001' },
    };
    for (const [name, headers] of Object.entries(credentials)) {
      test(`401 to ${name}`, async () => {
        const got = await refused(route, body, headers);
        assertError(route, got, 401, 'authentication_error', 'invalid_api_key');
      });
    }

    test('200 to a key that has not expired yet', async () => {
      assert.equal(
        (await refused(route, body, { 'x-api-key': 'sk-lasting-00000001' })).status,
        200,
      );
    });

    test('403 to a model that is not for the key', async () => {
      const other = { ...body, model: 'mock-c2' };
      const got = await refused(route, other, { 'x-api-key': 'sk-limited-00000001' });
      assertError(route, got, 403, 'permission_error', 'model_not_allowed');
      assert.equal(
        (await refused(route, body, { 'x-api-key': 'sk-limited-00000001' })).status,
        200,
      );
    });

    test('403 to an address that is not for the key', async () => {
      const headers = { 'x-api-key': 'sk-elsewhere-000001' };
      const got = await refused(route, body, headers);
      assertError(route, got, 403, 'permission_error', 'ip_not_allowed');
      for (const from of ['10.1.2.3', '192.0.2.9, 10.1.255.255', '2001:db8::7']) {
        const allowed = await refused(route, body, { ...headers, 'x-forwarded-for': from });
        assert.equal(allowed.status, 200, from);
      }
      for (const from of ['10.2.0.1', '10.1.2.3, 192.0.2.9', 'rubbish']) {
        const denied = await refused(route, body, { ...headers, 'x-forwarded-for': from });
        assert.equal(denied.status, 403, from);
      }
    });
  });
}

test('nothing of a refused request goes upstream', async () => {
  const before = (await mock.stats()).requests;
  for (const [route, body] of routes) await refused(route, body, { authorization: 'Bearer no' });
  assert.equal((await mock.stats()).requests, before);
});

test('the model list wants a key, and shows what the key may use', async () => {
  assert.equal((await refused('/v1/models', undefined, {})).status, 401);
  const limited = openai(gateway, { apiKey: 'sk-limited-00000001' });
  const ids = (await all(await limited.models.list())).map((model) => model.id);
  assert.ok(ids.includes('gpt-4o'));
  assert.ok(!ids.includes('claude-sonnet-4-6'));
});

test('a forged X-Forwarded-For is not believed without a trusted proxy', async () => {
  const config = configFor(mock.url, {
    keys: [{ key: kClientKey, name: 'local', allow_ips: ['127.0.0.1'] }],
  });
  const direct = await startGateway(config);
  const headers = { 'x-forwarded-for': '192.0.2.1' };
  const answer = await direct.post('/v1/chat/completions', chat('mock-c1'), headers);
  assert.equal(answer.status, 200);
});

test('without auth anybody may call, and the log warns', async () => {
  const open = await startGateway(configFor(mock.url, { auth: { enabled: false }, keys: [] }));
  for (const [route, body] of routes) {
    const answer = await fetch(open.url + route, { method: 'POST', body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.text());
  }
  await open.stdout.first(/"level":"warn".*auth/);
});

test('without any provider or key it starts, is healthy, and says what to do', async () => {
  const bare = await startGateway({ server: { host: '127.0.0.1', port: 0, drain_min: '0s' } });
  assert.equal((await bare.get('/health')).status, 200);
  await bare.stdout.first(/no provider is enabled/);
  await bare.stdout.first(/there are no keys/);
});
