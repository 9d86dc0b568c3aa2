// One life of a gateway, played on each database: what is answered is the same, byte for byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kAdminToken } from '../harness/administration.mjs';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

for (const kind of servers) await startServer(kind);
const upstream = await startMock();

const kPassword = 'correct horse battery';

/// Times, random names and durations differ; nothing else does.
function comparable(text) {
  return text
    .replaceAll(/"(token|code|key|prefix|\w+_at|at|valid_from|since)":"[^"]*"/g, '"$1":"*"')
    .replaceAll(/\b(use|ses|req)_[a-z0-9]+/g, '$1_*')
    .replaceAll(/code_[\w-]+(\.\.\.)?/gi, 'code_*')
    .replaceAll(/"(duration_ms|ttft_ms)":[0-9.]+/g, '"$1":0');
}

/// The gateway's answers, in the order of the calls.
async function play(kind) {
  const place = await placeFor(kind);
  const auth = { admin_token: kAdminToken };
  const gateway = await startGateway(configFor(upstream.url, { auth, ...place.changes }), place);
  const answers = [];
  const call = async (token, method, route, body) => {
    const answer = await fetch(gateway.url + route, {
      method,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), 'x-request-id': 'same' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    const said = body === undefined ? '' : ` ${JSON.stringify(body)}`;
    answers.push(comparable(`${method} ${route}${said}: ${answer.status} ${text}`));
    return text.startsWith('{') ? JSON.parse(text) : {};
  };

  for (const username of ['root', 'alice', 'Alice', 'ALICE', 'alice', 'a_b', 'bob', 'b0b']) {
    const email = `${username}@example.com`;
    await call('', 'POST', '/api/auth/register', { username, email, password: kPassword });
  }
  const login = async (username) =>
    (await call('', 'POST', '/api/auth/login', { username, password: kPassword })).token;
  const boss = await login('root');
  const alice = await login('alice');
  for (const name of ['Alice', 'aLICE', 'BOB']) await login(name);
  for (const name of ['', 'al', 'a_', 'a%25', 'B']) {
    await call(boss, 'GET', `/api/admin/users?name=${name}&limit=100`);
  }

  // What one database takes for the same and another does not.
  for (const name of ['k', 'K', 'ключ 🔑', 'ключ', 'Ключ', "k'; --", 'k\\', 'é', 'e\u0301', 'ß', 'ss']) {
    await call(alice, 'POST', '/api/keys', { name });
  }
  for (const name of ['k', 'x'.repeat(128), '🔑'.repeat(32)]) {
    await call(alice, 'POST', '/api/keys', { name });
  }
  await call(alice, 'POST', '/api/keys', {
    name: 'limited',
    quota_tokens: 1e15,
    quota_usd: '9223372036.854775807',
    budgets: { day: '0.000000001', week: '1', month: '2' },
    models: ['gpt-*', '模型'],
    allow_ips: ['::1', '10.0.0.0/8'],
    expires_at: '2099-12-31T23:59:59Z',
    mode: 'strict',
  });
  const used = await call(alice, 'POST', '/api/keys', { name: 'used' });
  await call(alice, 'GET', '/api/keys?limit=1000');

  for (const price of [
    { model: 'mock-c5', input: '1', output: '2.000000001' },
    { model: 'mock-c5', input: '1', output: '2.000000001' },
    { model: 'MOCK-C5', input: '9', output: '9' },
    { model: 'mock-c5', scope: 'user:alice', input: '0.5', output: '0' },
    { model: 'mock-c5', scope: 'user:Alice', input: '3', output: '3' },
    { model: 'mock-c5', scope: 'upstream:oa', input: '0.1', output: '0.1' },
    { model: '*', input: '7', output: '7' },
    { model: 'модель', input: '1', output: '1' },
  ]) {
    await call(boss, 'POST', '/api/admin/models', price);
  }
  await call(boss, 'GET', '/api/admin/models?versions=all&limit=100');

  const wallet = '/api/admin/users/alice/wallet';
  for (const [amount, reason, idempotency_key] of [
    ['10', 'причина 🎁', 'a'],
    ['10', 'причина 🎁', 'a'],
    ['11', 'another amount', 'a'],
    ['10', 'another key', 'A'],
    ['9223372036.854775807', 'too much', 'b'],
    ['0.000000001', "it's", 'c'],
  ]) {
    await call(boss, 'POST', `${wallet}/top-up`, { amount, reason, idempotency_key });
  }
  const back = { amount: '-3.000000001', reason: 'back', idempotency_key: 'a' };
  await call(boss, 'POST', `${wallet}/adjust`, back);

  for (const model of ['mock-c5', 'mock-c4', 'MOCK-C5', 'mock-e400']) {
    const messages = [{ role: 'user', content: 'hi' }];
    const { usage } = await call(used.key, 'POST', '/v1/chat/completions', { model, messages });
    // The answer itself is the upstream's affair.
    answers[answers.length - 1] = `${model}: ${JSON.stringify(usage)}`;
  }
  await place.books.settled();
  const { data } = await call(alice, 'GET', '/api/usage');
  for (const { id } of data) await call(alice, 'GET', `/api/usage/${id}`);
  for (const query of [
    'key=used',
    'key=USED',
    'model=mock-c5',
    'model=MOCK-C5',
    'provider=oa',
    'limit=2',
    'from=2020-01-01&to=2099-01-01',
    'to=2020-01-01',
  ]) {
    await call(alice, 'GET', `/api/usage?${query}`);
  }
  for (const by of ['model', 'key', 'provider', 'model,provider', 'key,model']) {
    await call(alice, 'GET', `/api/usage/summary?group_by=${by}`);
  }
  await call(boss, 'GET', '/api/admin/usage/summary?group_by=user');
  await call(boss, 'GET', '/api/admin/usage?user=Alice');
  await call(boss, 'GET', '/api/admin/reports/margin');
  const prices = [{ model: 'mock-c5', input: '3', output: '4' }];
  await call(boss, 'POST', '/api/admin/models/preview', { prices });
  await call(alice, 'GET', '/api/wallet');
  await call(alice, 'GET', '/api/wallet/transactions');
  await call(alice, 'POST', '/api/wallet/verify');
  await call(boss, 'POST', '/api/admin/wallets/verify');
  await call(boss, 'GET', '/api/admin/wallets');

  for (const name of ['team', 'Team', 'team', 'команда', 'alice', ' x']) {
    await call(alice, 'POST', '/api/teams', { name });
  }
  const [team] = (await call(alice, 'GET', '/api/teams')).data;
  for (const [user, more] of [
    ['bob', {}],
    ['BOB', {}],
    ['bob', {}],
    ['b0b', { role: 'owner', budgets: { day: '1' } }],
    ['nobody', {}],
  ]) {
    await call(alice, 'POST', `/api/teams/${team.id}/members`, { user, ...more });
  }
  await call(alice, 'GET', `/api/teams/${team.id}/members`);

  const [{ code }] = (
    await call(boss, 'POST', '/api/admin/codes', { amount: '1.5', count: 1, note: 'ñ' })
  ).data;
  for (const each of [code.toLowerCase(), code, code]) {
    await call(alice, 'POST', '/api/wallet/redeem', { code: each });
  }
  await call(boss, 'GET', '/api/admin/codes');

  const base_url = 'http://127.0.0.1:1/v1';
  for (const name of ['p1', 'P1', 'p1']) {
    const models = ['m-ü'];
    await call(boss, 'POST', '/api/admin/providers', { name, type: 'openai', base_url, models });
  }
  for (const pattern of ['Foo', 'foo', 'бar-']) {
    const rule = { type: 'prefix', pattern, target: 'p1', priority: -5 };
    await call(boss, 'POST', '/api/admin/routing/rules', rule);
  }
  const members = [{ target: 'p1', weight: 2 }, { target: 'oa' }];
  await call(boss, 'POST', '/api/admin/routing/groups', { name: 'g', strategy: 'random', members });
  for (const list of ['providers', 'routing/rules', 'routing/groups', 'audit?limit=1000']) {
    await call(boss, 'GET', `/api/admin/${list}`);
  }
  await call(boss, 'GET', '/api/admin/audit?actor=ROOT');
  await call(boss, 'GET', '/api/admin/keys?user=alice&limit=3');
  await call(alice, 'GET', '/api/sessions');
  await call(boss, 'POST', '/api/admin/invites', {});
  await call(boss, 'GET', '/api/admin/invites');
  await call(alice, 'DELETE', `/api/keys/${used.id}`);
  await gateway.stop();
  return answers;
}

test('the same calls get the same answers on each of the three databases', async () => {
  const [first, ...others] = kinds;
  const expected = await play(first);
  assert.ok(expected.length > 110, `${expected.length}`);
  assert.ok(!expected.some((each) => /: 5\d\d /.test(each)), 'nothing fails');
  for (const kind of others) {
    const played = await play(kind);
    for (const [i, answer] of played.entries()) assert.equal(answer, expected[i], kind);
    assert.equal(played.length, expected.length);
  }
});
