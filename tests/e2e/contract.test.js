// What a program relies on that knows the API by its description alone.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import OpenAI from 'openai';
import { kAdminToken } from '../harness/administration.mjs';
import { placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { binary, temporaryFolder } from '../harness/processes.mjs';

for (const kind of servers) await startServer(kind);

const kPassword = 'correct horse battery';
const root = fileURLToPath(new URL('../../', import.meta.url));
const chat = (model, more = {}) => ({
  model,
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
});

async function call(gateway, method, route, { token, body, headers = {} } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, json };
}

const register = (gateway, username, more = {}, headers = {}) =>
  call(gateway, 'POST', '/api/auth/register', {
    body: { username, email: `${username}@example.com`, password: kPassword, ...more },
    headers,
  });

async function userOf(gateway, username) {
  await register(gateway, username);
  const login = await call(gateway, 'POST', '/api/auth/login', {
    body: { username, password: kPassword },
  });
  assert.equal(login.status, 200, login.text);
  const token = login.json.token;
  const made = await call(gateway, 'POST', '/api/keys', { token, body: { name: 'own' } });
  return { token, id: login.json.user.id, key: made.json.key, keyId: made.json.id };
}

async function gatewayFor(changes = {}, options = {}) {
  const mock = await startMock();
  const gateway = await startGateway(
    configFor(mock.url, { auth: { admin_token: kAdminToken }, ...changes }),
    options,
  );
  return { mock, gateway };
}

test('every list takes limit and cursor, and its pages hold each entry once', async () => {
  const { gateway } = await gatewayFor();
  const { token } = await userOf(gateway, 'root');
  for (let i = 0; i < 3; ++i) {
    await userOf(gateway, `user${i}`);
    await call(gateway, 'POST', '/api/teams', { token, body: { name: `team ${i}` } });
    await call(gateway, 'POST', '/api/keys', { token, body: { name: `key ${i}` } });
    await call(gateway, 'POST', '/api/admin/invites', { token, body: {} });
    await call(gateway, 'POST', '/api/auth/login', {
      body: { username: 'root', password: kPassword },
    });
  }
  const { json: document } = await call(gateway, 'GET', '/api/openapi.json');
  const lists = [];
  for (const [route, operations] of Object.entries(document.paths)) {
    if (!route.startsWith('/api/') || route.includes('{') || operations.get === undefined) continue;
    const whole = await call(gateway, 'GET', route, { token });
    if (Array.isArray(whole.json?.data) && route !== '/api/admin/workers') lists.push(route);
  }
  assert.ok(lists.length >= 17, lists.join(' '));
  for (const route of lists) {
    const entries = [];
    let cursor = '';
    do {
      const page = await call(gateway, 'GET', `${route}?limit=2&cursor=${cursor}`, { token });
      assert.equal(page.status, 200, `${route} ${page.text}`);
      assert.ok(page.json.data.length <= 2, route);
      assert.ok('next_cursor' in page.json, route);
      entries.push(...page.json.data.map((each) => JSON.stringify(each)));
      cursor = page.json.next_cursor;
    } while (cursor !== null && entries.length < 1000);
    assert.equal(new Set(entries).size, entries.length, `${route} has an entry twice`);
    const whole = await call(gateway, 'GET', `${route}?limit=1000`, { token });
    assert.equal(entries.length, whole.json.data.length, route);
    for (const bad of ['limit=0', 'limit=1001', 'limit=x', 'cursor=%27']) {
      const refused = await call(gateway, 'GET', `${route}?${bad}`, { token });
      assert.equal(refused.status, 400, `${route}?${bad} ${refused.text}`);
      assert.equal(refused.json.error.field, bad.split('=')[0]);
    }
  }
  const summary = await call(gateway, 'GET', '/api/usage/summary', { token });
  assert.equal(summary.status, 200, 'days, when nothing else is asked for');
  assert.equal(summary.json.group_by, 'day');
});

test('a change takes any of the ETags that If-Match names', async () => {
  const { gateway } = await gatewayFor();
  const { token } = await userOf(gateway, 'root');
  const change = async (match) =>
    (
      await call(gateway, 'PATCH', '/api/me', {
        token,
        body: { email: 'new@example.com' },
        headers: match === undefined ? {} : { 'if-match': match },
      })
    ).status;
  const { headers } = await call(gateway, 'GET', '/api/me', { token });
  const etag = headers.get('etag');
  assert.match(etag, /^"[^"]+"$/);
  assert.equal(await change(undefined), 412);
  assert.equal(await change('"99"'), 412);
  assert.equal(await change(`W/${etag}`), 412, 'a weak one names no version');
  assert.equal(await change(`"99", ${etag}`), 200);
  assert.equal(await change(etag), 412, 'it has changed');
  assert.equal(await change('*'), 200);
});

test('of many who register first at once one is administrator, and nobody is sent away', async () => {
  const { gateway } = await gatewayFor();
  const names = Array.from({ length: 12 }, (_, i) => `user${i}`);
  const answers = await Promise.all(names.map((name) => register(gateway, name)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  const roles = answers.map(({ json }) => json.user.role);
  assert.equal(roles.filter((role) => role === 'administrator').length, 1);
});

test('registering takes a name, an address and a password', async () => {
  const { gateway } = await gatewayFor();
  const whole = { username: 'root', email: 'root@example.com', password: kPassword };
  for (const field of Object.keys(whole)) {
    for (const body of [{ ...whole, [field]: undefined }, { ...whole, [field]: null }]) {
      const refused = await call(gateway, 'POST', '/api/auth/register', { body });
      assert.equal(refused.status, 400, `${field} ${refused.text}`);
      assert.equal(refused.json.error.field, field);
    }
  }
  const made = await call(gateway, 'POST', '/api/auth/register', { body: whole });
  assert.equal(made.status, 201);
  assert.deepEqual(Object.keys(made.json), ['user']);
});

test('nobody calls himself as the gateway does, or registers without end', async () => {
  const { gateway } = await gatewayFor();
  await userOf(gateway, 'root');
  for (const name of ['gateway', 'admin@127.0.0.1', 'nobody@::1']) {
    const refused = await register(gateway, name, { email: 'a@example.com' });
    assert.equal(refused.status, 400, `${name} ${refused.text}`);
    assert.equal(refused.json.error.field, 'username');
  }
  const email = 'admin@example.com';
  assert.equal((await register(gateway, email, { email })).status, 201);
  // From this machine it has no end; this seems to come from elsewhere.
  const from = { forwarded: 'for=192.0.2.1' };
  let answer;
  for (let i = 0; i < 40 && answer?.status !== 429; ++i) {
    answer = await register(gateway, 'x', {}, from);
  }
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  assert.equal(answer.json.error.code, 'rate_limit_exceeded');
  assert.equal((await register(gateway, 'somebody')).status, 201);
});

test('what is wrong with a password or a query is told by its field', async () => {
  const { gateway } = await gatewayFor();
  const { token } = await userOf(gateway, 'root');
  const change = (old_password, new_password) =>
    call(gateway, 'POST', '/api/me/password', { token, body: { old_password, new_password } });
  const wrong = await change('not it at all', 'a new password');
  assert.equal(wrong.status, 401);
  assert.equal(wrong.json.error.field, 'old_password');
  const short = await change(kPassword, 'short');
  assert.equal(short.status, 400);
  assert.equal(short.json.error.field, 'new_password');
  // Left out, it would show more than was asked for.
  assert.equal((await call(gateway, 'GET', '/api/usage?key=%00', { token })).status, 400);
});

test('live requests are those of who asks, and all for administrators', async () => {
  const { gateway } = await gatewayFor();
  const boss = await userOf(gateway, 'root');
  const alice = await userOf(gateway, 'alice');
  const bob = await userOf(gateway, 'bob');
  const running = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${alice.key}`, 'x-request-id': 'of-alice' },
    body: JSON.stringify(chat('mock-c3-s1', { stream: true })),
  });
  await running.body.getReader().read();
  const seen = async (token) => {
    const { status, json, text } = await call(gateway, 'GET', '/api/live', { token });
    assert.equal(status, 200, text);
    return [...json.running, ...json.recent].map(({ id }) => id);
  };
  assert.deepEqual(await seen(alice.token), ['of-alice']);
  assert.deepEqual(await seen(bob.token), []);
  assert.deepEqual(await seen(boss.token), ['of-alice']);
  assert.deepEqual(await seen(kAdminToken), ['of-alice']);
  assert.equal((await call(gateway, 'GET', '/api/live')).status, 401);
  assert.equal((await call(gateway, 'GET', '/api/live', { token: alice.key })).status, 401);
  const cancel = (token) => call(gateway, 'POST', '/api/live/of-alice/cancel', { token });
  assert.equal((await cancel(bob.token)).status, 404, 'as if it were not there');
  const ended = await cancel(alice.token);
  assert.equal(ended.status, 200, ended.text);
  assert.deepEqual(Object.keys(ended.json).sort(), [
    'charged',
    'closed_after_us',
    'requests',
    'returned',
  ]);
});

test('a request tells its whole story', async () => {
  const { gateway } = await gatewayFor();
  const boss = await userOf(gateway, 'root');
  const alice = await userOf(gateway, 'alice');
  const price = { model: 'mock-c5-b4', input: '1', output: '2' };
  await call(gateway, 'POST', '/api/admin/models', { token: boss.token, body: price });
  const paid = await call(gateway, 'POST', '/api/admin/users/alice/wallet/top-up', {
    token: boss.token,
    body: { amount: '5', idempotency_key: 'first' },
  });
  assert.equal(paid.status, 201, paid.text);
  // Converted: an OpenAI client at Anthropic's, which knows no seed.
  const rule = { type: 'exact', pattern: 'mock-c5-b4', target: 'an' };
  const ruled = await call(gateway, 'POST', '/api/admin/routing/rules', {
    token: boss.token,
    body: rule,
  });
  assert.equal(ruled.status, 201, ruled.text);
  const answered = await call(gateway, 'POST', '/v1/chat/completions', {
    token: alice.key,
    body: chat('mock-c5-b4', { seed: 7, max_tokens: 100 }),
  });
  assert.equal(answered.status, 200, answered.text);
  const dropped = answered.headers.get('x-sluice-dropped').split(', ');
  const list = await call(gateway, 'GET', '/api/usage', { token: alice.token });
  const [{ id, cost }] = list.json.data;
  for (const [route, token] of [
    [`/api/usage/${id}`, alice.token],
    [`/api/admin/usage/${id}`, boss.token],
  ]) {
    const { json: story } = await call(gateway, 'GET', route, { token });
    assert.equal(story.attempts, 1);
    assert.match(story.decision.rule, /mock-c5-b4/);
    assert.ok(story.decision.targets.length > 0);
    assert.ok('money' in story.decision.lease);
    assert.deepEqual(story.decision.dropped, dropped);
    assert.ok(dropped.includes('seed'));
    assert.equal(story.price_lines.length, 2);
    assert.equal(story.ledger_entry.kind, 'charge');
    assert.equal(story.ledger_entry.amount, `-${cost}`);
    assert.equal(story.ledger_entry.reference, id);
    const { json: wallet } = await call(gateway, 'GET', '/api/wallet', { token: alice.token });
    assert.equal(story.ledger_entry.balance_after, wallet.balance);
  }
  const other = await call(gateway, 'GET', `/api/usage/${id}`, { token: boss.token });
  assert.equal(other.status, 404);
});

test('nobody is logged in or out by a page of another site', async () => {
  const { gateway } = await gatewayFor();
  await userOf(gateway, 'root');
  const body = JSON.stringify({ username: 'root', password: kPassword });
  const login = (headers) => call(gateway, 'POST', '/api/auth/login', { body, headers });
  const host = new URL(gateway.url).host;
  for (const headers of [
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' },
    { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:1' },
    { origin: 'https://evil.example.com', 'content-type': 'text/plain' },
    { origin: 'null', 'content-type': 'text/plain' },
  ]) {
    const refused = await login(headers);
    assert.equal(refused.status, 403, JSON.stringify(headers));
    assert.equal(refused.headers.get('set-cookie'), null);
    for (const route of ['/api/auth/refresh', '/api/auth/logout']) {
      assert.equal((await call(gateway, 'POST', route, { headers })).status, 403, route);
    }
  }
  for (const headers of [
    {},
    { 'sec-fetch-site': 'same-origin', origin: `http://${host}` },
    { 'sec-fetch-site': 'none' },
    { origin: `http://${host}`, 'content-type': 'text/plain' },
    // No page of another address can send this unasked.
    { origin: 'https://behind-a-proxy.example.com', 'content-type': 'application/json' },
  ]) {
    assert.equal((await login(headers)).status, 200, JSON.stringify(headers));
  }
});

test('a cookie is for TLS alone where a trusted proxy says that its client speaks it', async () => {
  for (const trusted_proxies of [['127.0.0.1'], []]) {
    const server = { host: '127.0.0.1', port: 0, trusted_proxies };
    const { gateway } = await gatewayFor({ server });
    await userOf(gateway, 'root');
    for (const proto of ['https', 'http']) {
      const headers = { 'x-forwarded-proto': proto, 'x-forwarded-for': '192.0.2.1' };
      const login = await call(gateway, 'POST', '/api/auth/login', {
        body: { username: 'root', password: kPassword },
        headers,
      });
      const secure = trusted_proxies.length > 0 && proto === 'https';
      const cookie = login.headers.get('set-cookie');
      assert.match(cookie, /; Path=\/api\/auth; HttpOnly; SameSite=Strict; Max-Age=2592000/);
      assert.equal(cookie.endsWith('; Secure'), secure, `${trusted_proxies} ${proto}`);
      const boot = await call(gateway, 'GET', '/api/boot', { headers });
      assert.equal(boot.json.secure, secure);
    }
  }
});

test('a page of an allowed site logs in, and reads what it needs', async () => {
  const origin = 'https://app.example.com';
  const { gateway } = await gatewayFor({
    server: { host: '127.0.0.1', port: 0, cors: { enabled: true, allowed_origins: [origin] } },
  });
  await userOf(gateway, 'root');
  const asked = await call(gateway, 'OPTIONS', '/api/me', {
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization, if-match, x-sluice-client',
    },
  });
  assert.equal(asked.status, 204);
  assert.match(asked.headers.get('access-control-allow-methods'), /PATCH/);
  assert.match(asked.headers.get('access-control-allow-headers'), /if-match/);
  const login = await call(gateway, 'POST', '/api/auth/login', {
    body: { username: 'root', password: kPassword },
    headers: { origin, 'sec-fetch-site': 'cross-site' },
  });
  assert.equal(login.status, 200, login.text);
  const exposed = login.headers.get('access-control-expose-headers');
  for (const name of ['etag', 'retry-after', 'x-request-id', 'x-next-cursor', 'x-sluice-worker']) {
    assert.ok(exposed.split(', ').includes(name), name);
  }
});

test('an administrator who has logged in sees and drains workers', async () => {
  const { gateway } = await gatewayFor();
  const boss = await userOf(gateway, 'root');
  const alice = await userOf(gateway, 'alice');
  await call(gateway, 'POST', '/v1/workers/heartbeat', {
    body: {
      worker_id: 'gpu-1',
      supported: ['m'],
      total_vram: 1000,
      available_vram: 1000,
      active_tasks: 0,
      max_tasks: 2,
    },
  });
  for (const token of [boss.token, kAdminToken, alice.key]) {
    const { json } = await call(gateway, 'GET', '/v1/workers', { token });
    assert.equal(json.data.length, 1);
  }
  const drain = (token) => call(gateway, 'DELETE', '/v1/workers/gpu-1', { token });
  assert.equal((await drain(alice.token)).status, 403);
  assert.equal((await drain(alice.key)).status, 401);
  assert.equal((await drain(boss.token)).status, 200);
});

test('an SDK calls with a login and the number of a key', async () => {
  const { gateway } = await gatewayFor();
  const alice = await userOf(gateway, 'alice');
  const client = (more) =>
    new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: alice.token, maxRetries: 0, ...more });
  const named = client({ defaultHeaders: { 'x-sluice-key-id': String(alice.keyId) } });
  const answer = await named.chat.completions.create(chat('mock-c3'));
  assert.equal(answer.choices[0].finish_reason, 'stop');
  await assert.rejects(client({}).chat.completions.create(chat('mock-c3')), { status: 401 });
});

test('a .env starts the gateway, and what it must say and does not is told', async () => {
  const folder = temporaryFolder();
  for (const each of ['scripts', 'configs']) mkdirSync(path.join(folder, each));
  const script = path.join(folder, 'scripts/start-with-env.sh');
  copyFileSync(path.join(root, 'scripts/start-with-env.sh'), script);
  const config = '{ server: { port: 0 }, auth: { jwt_secret: "${JWT_SECRET}" } }';
  writeFileSync(path.join(folder, 'configs/gateway.yaml'), config);
  const start = (env) => {
    writeFileSync(path.join(folder, '.env'), env);
    chmodSync(path.join(folder, '.env'), 0o600);
    const { PATH, HOME } = process.env;
    return spawnSync(script, ['--set', 'server.port=x'], {
      encoding: 'utf8',
      env: { PATH, HOME, SLUICE: binary },
    });
  };
  assert.match(start('DB_NAME=a\n').stderr, /needs these variables.*JWT_SECRET/);
  assert.match(start('JWT_SECRET=abc\nDB_HOST=db\n').stderr, /DB_HOST is set and DB_PASSWORD is not/);
  // All is there, so that the gateway itself is what complains.
  assert.match(start('JWT_SECRET="0123456789abcdef"\n').stderr, /server\.port/);
});

test('the variables and sections of an older configuration mean what they meant', async () => {
  const { mock } = await gatewayFor();
  const place = await placeFor('mysql');
  const { port, pathname } = new URL(place.url);
  const script = path.join(root, 'scripts/migrations/001_init.sql');
  place.server.query(`SOURCE ${script}`, place.books.database);
  // Before the first start, as a person does it.
  place.server.query(
    `INSERT INTO providers (name, type, api_key, base_url, is_default, enabled) VALUES
       ('openai-main', 'openai', 'sk-1', '${mock.url}/v1', 1, 1);
     INSERT INTO providers (name, type, api_key, base_url, enabled) VALUES
       ('anthropic-main', 'anthropic', 'sk-2', '${mock.url}', 1);
     INSERT INTO routing_rules (rule_type, pattern, provider_name, priority, enabled) VALUES
       ('prefix', 'mock-c3', 'openai-main', 10, 1), ('prefix', 'mock-c4', 'anthropic-main', 10, 1)`,
    place.books.database,
  );
  const config = {
    http: { addr: '127.0.0.1:0', readTimeout: '30s', writeTimeout: '120s' },
    mysql: {
      host: 'localhost',
      port: Number(port),
      user: 'sluice',
      password: '',
      database: pathname.slice(1),
      charset: 'utf8mb4',
      maxIdle: 10,
      maxOpen: 4,
    },
    auth: { enabled: true, jwtSecret: '' },
    keys: [{ key: kClientKey, name: 'tester' }],
  };
  const env = { DB_PASSWORD: 'a secret', JWT_SECRET: 'sixteen-bytes-at-least' };
  const gateway = await startGateway(config, { folder: place.folder, env });
  for (const [model, provider] of [
    ['mock-c3', 'openai-main'],
    ['mock-c4', 'anthropic-main'],
  ]) {
    const answer = await gateway.post('/v1/chat/completions', chat(model));
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(answer.headers.get('x-sluice-provider'), provider);
  }
});

for (const kind of servers) {
  test(`on ${kind} rows of providers and rules inserted by hand are used and sealed`, async () => {
    const place = await placeFor(kind);
    const { mock, gateway } = await gatewayFor({ providers: [], ...place.changes }, place);
    place.server.query(
      `INSERT INTO providers (name, type, api_key, base_url, is_default, enabled) VALUES
         ('openai-main', 'openai', 'sk-by-hand', '${mock.url}/v1', 1, 1);
       INSERT INTO providers (name, type, api_key, base_url, enabled) VALUES
         ('anthropic-main', 'anthropic', 'sk-by-hand', '${mock.url}', 1);
       INSERT INTO routing_rules (rule_type, pattern, provider_name, priority, enabled) VALUES
         ('prefix', 'mock-c3', 'openai-main', 10, 1), ('prefix', 'mock-c4', 'anthropic-main', 10, 1)`,
      place.books.database,
    );
    const from = gateway.stdout.seen.length;
    gateway.kill('SIGHUP');
    await gateway.stdout.first(/\breloaded\b/, { from });
    for (const [model, provider] of [
      ['mock-c3', 'openai-main'],
      ['mock-c4', 'anthropic-main'],
    ]) {
      const answer = await gateway.post('/v1/chat/completions', chat(model));
      assert.equal(answer.status, 200, await answer.text());
      assert.equal(answer.headers.get('x-sluice-provider'), provider);
    }
    for (const { api_key: kept } of place.books.all('SELECT api_key FROM providers')) {
      assert.match(kept, /^sealed:/);
    }
  });
}
