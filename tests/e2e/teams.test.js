// Teams that pay for keys of their members: whose money goes, how far a member's budgets reach, and
// what becomes of keys when their owner leaves or the team is no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { nanos } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const kPassword = 'correct horse battery';

// 1 USD a million tokens, either way.
const kModels = ['mock-c4-i0', 'mock-c2000-i0', 'mock-c2000-i5', 'mock-c40-i20'].map((name) => ({
  name,
  input: '1',
  output: '1',
}));

for (const kind of servers) await startServer(kind);

async function gatewayFor(upstream, changes = {}, options) {
  return startGateway(configFor(upstream.url, { models: kModels, ...changes }), options);
}

async function call(gateway, method, route, { token, body, headers = {} } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    etag: answer.headers.get('etag'),
    headers: answer.headers,
    text,
    json: text.startsWith('{') ? JSON.parse(text) : undefined,
  };
}

/// The same, which has to work.
async function must(gateway, method, route, options) {
  const answer = await call(gateway, method, route, options);
  assert.ok(answer.status < 300, `${method} ${route}: ${answer.status} ${answer.text}`);
  return answer;
}

async function login(gateway, username) {
  const body = { username, password: kPassword };
  return (await must(gateway, 'POST', '/api/auth/login', { body })).json.token;
}

async function user(gateway, username) {
  const body = { username, email: `${username}@example.com`, password: kPassword };
  const made = await must(gateway, 'POST', '/api/auth/register', { body });
  return { id: made.json.user.id, username, token: await login(gateway, username) };
}

/// An administrator, an owner of a team with a wallet, and a member of it. The members' own wallets
/// are empty.
async function team(gateway, { amount = '1', budgets } = {}) {
  const root = await user(gateway, 'root');
  const [alice, bob] = [await user(gateway, 'alice'), await user(gateway, 'bob')];
  const made = await must(gateway, 'POST', '/api/teams', {
    token: alice.token,
    body: { name: 'red' },
  });
  const { id } = made.json.team;
  await must(gateway, 'POST', `/api/teams/${id}/members`, {
    token: alice.token,
    body: { user: 'bob', budgets },
  });
  await topUp(gateway, root, 'red', amount);
  return { root, alice, bob, id, route: `/api/teams/${id}` };
}

let posted = 0;
const topUp = (gateway, root, name, amount) =>
  must(gateway, 'POST', `/api/admin/users/${name}/wallet/top-up`, {
    token: root.token,
    body: { amount, idempotency_key: `k${posted++}` },
  });

const makeKey = async (gateway, who, body) =>
  (await must(gateway, 'POST', '/api/keys', { token: who.token, body })).json;

const change = (gateway, who, id, body) =>
  call(gateway, 'PATCH', `/api/keys/${id}`, {
    token: who.token,
    body,
    headers: { 'if-match': '*' },
  });

const setBudgets = (gateway, { alice, route }, who, budgets) =>
  must(gateway, 'PATCH', `${route}/members/${who.id}`, {
    token: alice.token,
    body: { budgets },
    headers: { 'if-match': '*' },
  });

const chat = (gateway, key, { model = 'mock-c4-i0', ...more } = {}) =>
  call(gateway, 'POST', '/v1/chat/completions', {
    token: key,
    body: { model, messages: [{ role: 'user', content: 'hello' }], ...more },
  });

const balance = async (gateway, root, name) =>
  (await must(gateway, 'GET', `/api/admin/users/${name}/wallet`, { token: root.token })).json
    .balance;

/// What a member has spent, as the team's owner sees it, once the books say `wanted` of it.
const spentBy = (gateway, { alice, route }, name, wanted = (spent) => spent.day !== '0') =>
  until(`what ${name} has spent`, async () => {
    const { json } = await must(gateway, 'GET', `${route}/members`, { token: alice.token });
    const { spent } = json.data.find((each) => each.username === name);
    return { done: wanted(spent), value: spent };
  });

function refused(answer, pattern) {
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.json.error.code, 'insufficient_quota');
  assert.match(answer.json.error.message, pattern);
  assert.equal(answer.headers.get('retry-after'), null);
  assert.equal(answer.headers.get('x-should-retry'), 'false');
}

test('a team pays for a key, and usage tells who used it and who paid', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway);
  const { root, alice, bob } = red;
  const key = await makeKey(gateway, bob, { name: 'ci', team: 'red' });
  assert.deepEqual(key.team, { id: red.id, name: 'red', pays: true });
  // By its id as well; another's team is as good as not there.
  const other = await makeKey(gateway, bob, { name: 'by id', team: String(red.id) });
  assert.equal(other.team.name, 'red');
  const foreign = await call(gateway, 'POST', '/api/keys', {
    token: root.token,
    body: { name: 'x', team: 'red' },
  });
  assert.equal(foreign.status, 400, foreign.text);
  assert.equal(foreign.json.error.field, 'team');

  assert.equal((await chat(gateway, key.key)).status, 200);
  const spent = await spentBy(gateway, red, 'bob');
  assert.deepEqual([spent.week, spent.month], [spent.day, spent.day]);
  assert.equal(nanos(await balance(gateway, root, 'red')) + nanos(spent.day), nanos('1'));
  assert.equal(await balance(gateway, root, 'bob'), '0');

  const rows = await must(gateway, 'GET', '/api/admin/usage', { token: root.token });
  const [row] = rows.json.data;
  assert.deepEqual([row.user, row.paid_by, row.cost], ['bob', 'red', spent.day]);
  const own = await must(gateway, 'GET', '/api/usage', { token: bob.token });
  assert.deepEqual([own.json.data[0].user, own.json.data[0].paid_by], ['bob', 'red']);
  assert.deepEqual((await must(gateway, 'GET', '/api/usage', { token: alice.token })).json.data, []);
  const sums = await must(gateway, 'GET', '/api/admin/usage/summary?group_by=user', {
    token: root.token,
  });
  assert.deepEqual(
    sums.json.data.map((each) => [each.group, each.cost]),
    [['bob', spent.day]],
  );
  const entries = await must(gateway, 'GET', `${red.route}/transactions`, { token: alice.token });
  assert.equal(entries.json.data[0].reference, row.id);

  // Back to his own wallet, which is empty; and to the team's.
  assert.equal((await change(gateway, bob, key.id, { team: null })).json.team, null);
  refused(await chat(gateway, key.key), /^The balance of this account is used up/);
  assert.equal((await change(gateway, bob, key.id, { team: 'red' })).status, 200);
  assert.equal((await chat(gateway, key.key)).status, 200);
  const verdict = await must(gateway, 'POST', '/api/admin/wallets/verify', { token: root.token });
  assert.deepEqual(verdict.json.differences, []);
});

test('administrators see all teams, and make keys that a team pays for', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway, { amount: '0.25' });
  const { root, bob } = red;
  await must(gateway, 'POST', '/api/teams', { token: bob.token, body: { name: 'blue' } });
  const names = [];
  for (let cursor = ''; ; ) {
    const page = await must(gateway, 'GET', `/api/admin/teams?limit=1${cursor}`, {
      token: root.token,
    });
    for (const each of page.json.data) names.push([each.name, each.members, each.wallet.balance]);
    if (page.json.next_cursor === null) break;
    cursor = `&cursor=${page.json.next_cursor}`;
  }
  assert.deepEqual(names, [
    ['red', 2, '0.25'],
    ['blue', 1, '0'],
  ]);
  const one = await must(gateway, 'GET', `/api/admin/teams/${red.id}`, { token: root.token });
  assert.equal(one.json.team.wallet.available, '0.25');
  const members = await must(gateway, 'GET', `/api/admin/teams/${red.id}/members`, {
    token: root.token,
  });
  assert.deepEqual(
    members.json.data.map((each) => each.username),
    ['alice', 'bob'],
  );
  assert.equal((await call(gateway, 'GET', '/api/admin/teams', { token: bob.token })).status, 403);
  assert.equal(
    (await call(gateway, 'GET', `/api/admin/teams/${bob.id}`, { token: root.token })).status,
    404,
  );
  const key = await must(gateway, 'POST', '/api/admin/keys', {
    token: root.token,
    body: { name: 'batch', user: 'bob', team: 'red' },
  });
  assert.equal((await chat(gateway, key.json.key)).status, 200);
  for (const body of [
    { name: 'nobody', team: 'red' },
    { name: 'root', user: 'root', team: 'red' },
    { name: 'none', user: 'bob', team: 'green' },
  ]) {
    const made = await call(gateway, 'POST', '/api/admin/keys', { token: root.token, body });
    assert.equal(made.status, 400, made.text);
  }
});

test('a budget bounds a member on all his keys, and nobody else', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway, { budgets: { day: '0.0001' } });
  const { alice, bob } = red;
  const keys = [
    await makeKey(gateway, bob, { name: 'a', team: 'red' }),
    await makeKey(gateway, bob, { name: 'b', team: 'red' }),
  ];
  const hers = await makeKey(gateway, alice, { name: 'a', team: 'red' });
  const streamed = await chat(gateway, keys[0].key, { model: 'mock-c2000-i0', stream: true });
  assert.match(streamed.text, /budget_exhausted/);
  assert.ok(!streamed.text.includes('[DONE]'));
  const spent = await spentBy(gateway, red, 'bob');
  assert.ok(nanos(spent.day) <= nanos('0.0001'), spent.day);
  for (const key of keys) {
    refused(
      await chat(gateway, key.key, { max_tokens: 200, stream: true, model: 'mock-c2000-i0' }),
      /budget of the day in the team/,
    );
  }
  assert.equal((await chat(gateway, hers.key)).status, 200);
  // What else may be short has its own words.
  for (const span of ['week', 'month']) {
    await setBudgets(gateway, red, bob, { day: null, week: null, month: null, [span]: '0' });
    refused(await chat(gateway, keys[1].key), new RegExp(`budget of the ${span} in the team`));
  }
  // A new budget is in force on every loop within 100 ms.
  await setBudgets(gateway, red, bob, { month: '1' });
  const answers = await Promise.all(keys.flatMap(({ key }) => [1, 2, 3].map(() => chat(gateway, key))));
  assert.deepEqual(new Set(answers.map((each) => each.status)), new Set([200]));
});

test('an empty wallet of a team is told from a budget', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway, { amount: '0.000001', budgets: { day: '1' } });
  const key = await makeKey(gateway, red.bob, { name: 'a', team: 'red' });
  refused(await chat(gateway, key.key), /^The balance of the team that pays/);
  await topUp(gateway, red.root, red.id, '1');
  assert.equal((await chat(gateway, key.key)).status, 200);
});

test('who leaves takes nothing along: his streams end, and his keys are paid by nobody', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway);
  const { root, alice, bob } = red;
  await topUp(gateway, root, 'bob', '1');
  const key = await makeKey(gateway, bob, { name: 'a', team: 'red' });
  const running = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key.key}` },
    body: JSON.stringify({
      model: 'mock-c2000-i5',
      stream: true,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  const reader = running.body.getReader();
  let text = '';
  const decoder = new TextDecoder();
  const read = async () => {
    const { done, value } = await reader.read();
    text += decoder.decode(value);
    return done;
  };
  await read();
  const gone = await must(gateway, 'DELETE', `${red.route}/members/bob`, { token: alice.token });
  assert.equal(gone.json.unpaid_keys, 1);
  refused(await chat(gateway, key.key), /pays for it no more/);
  // It goes on for what it held, and no further.
  while (!(await read()));
  assert.match(text, /budget_exhausted/);
  const shown = await must(gateway, 'GET', `/api/keys/${key.id}`, { token: bob.token });
  assert.deepEqual(shown.json.team, { id: red.id, name: 'red', pays: false });
  // His own money was not touched, and a change of something else does not alter who pays.
  assert.equal(await balance(gateway, root, 'bob'), '1');
  assert.equal((await change(gateway, bob, key.id, { rpm: 1000 })).json.team.pays, false);
  refused(await chat(gateway, key.key), /pays for it no more/);
  assert.equal((await change(gateway, bob, key.id, { team: 'red' })).status, 400);
  const rotated = await must(gateway, 'POST', `/api/keys/${key.id}/rotate`, {
    token: bob.token,
    body: {},
  });
  refused(await chat(gateway, rotated.json.key), /pays for it no more/);
  // Nor does it work again by itself when he comes back.
  await must(gateway, 'POST', `${red.route}/members`, { token: alice.token, body: { user: 'bob' } });
  refused(await chat(gateway, key.key), /pays for it no more/);
  assert.equal((await change(gateway, bob, key.id, { team: 'red' })).json.team.pays, true);
  assert.equal((await chat(gateway, key.key)).status, 200);
  assert.equal((await change(gateway, bob, rotated.json.id, { team: null })).status, 200);
  assert.equal((await chat(gateway, rotated.json.key)).status, 200);
  await until('his own wallet pays', async () => {
    const left = await balance(gateway, root, 'bob');
    return { done: left !== '1', value: left };
  });
});

test('a deleted team pays for nothing', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway);
  const { root, alice, bob } = red;
  const keys = [
    await makeKey(gateway, bob, { name: 'a', team: 'red' }),
    await makeKey(gateway, alice, { name: 'a', team: 'red' }),
  ];
  assert.equal((await call(gateway, 'DELETE', red.route, { token: alice.token })).status, 409);
  await must(gateway, 'POST', '/api/admin/users/red/wallet/adjust', {
    token: root.token,
    body: { amount: '-1', reason: 'closed', idempotency_key: 'closed' },
  });
  const deleted = await must(gateway, 'DELETE', red.route, { token: alice.token });
  assert.equal(deleted.json.unpaid_keys, 2);
  for (const key of keys) refused(await chat(gateway, key.key), /pays for it no more/);
  assert.deepEqual((await must(gateway, 'GET', '/api/admin/teams', { token: root.token })).json.data, []);
  // Whoever takes the name does not take its keys.
  await must(gateway, 'POST', '/api/teams', { token: alice.token, body: { name: 'red' } });
  await topUp(gateway, root, 'red', '1');
  for (const key of keys) refused(await chat(gateway, key.key), /pays for it no more/);
});

test('a first limit on a key counts what runs', async () => {
  const gateway = await gatewayFor(await startMock());
  const red = await team(gateway);
  const { bob } = red;
  const key = await makeKey(gateway, bob, { name: 'a', team: 'red' });
  const running = Array.from({ length: 10 }, () =>
    chat(gateway, key.key, { model: 'mock-c40-i20', stream: true }),
  );
  const live = () => must(gateway, 'GET', '/api/live', { token: red.root.token });
  await until('ten calls to run', async () => {
    const { json } = await live();
    const count = (json.running ?? json.live ?? []).length;
    return { done: count >= 10, value: count };
  });
  // Each of the ten comes to some 48 tokens: what is left of 400 is nothing.
  const limited = await change(gateway, bob, key.id, { quota_usd: '0.0004' });
  assert.equal(limited.status, 200, limited.text);
  await Promise.all(running);
  const spent = await until('ten calls to be settled', async () => {
    const { json } = await must(gateway, 'GET', `/api/keys/${key.id}`, { token: bob.token });
    const rows = await must(gateway, 'GET', '/api/usage', { token: bob.token });
    return { done: rows.json.data.length === 10, value: json.used_usd };
  });
  assert.ok(nanos(spent) > nanos('0.0004'), spent);
  refused(await chat(gateway, key.key), /^This API key has used up its budget/);
});

test('a key in the configuration file has limits in money, and a team that pays', async () => {
  const upstream = await startMock();
  // 12 tokens a call, so 12 micro-dollars.
  const shared = { key: 'sk-of-a-team', name: 'of a team', user: 'bob', team: 'red' };
  const configured = (more, others = []) => ({
    keys: [{ key: 'sk-limited', name: 'limited', ...more }, ...others],
  });
  const place = await placeFor('sqlite');
  const changes = (...keys) => ({ ...place.changes, ...configured(...keys) });
  const gateway = await gatewayFor(upstream, changes({ quota_usd: '0.00002' }), place);
  assert.equal((await chat(gateway, 'sk-limited')).status, 200);
  refused(await chat(gateway, 'sk-limited'), /^This API key has used up its budget/);

  const reload = async (...keys) => {
    const config = configFor(upstream.url, { models: kModels, ...changes(...keys) });
    assert.ok(await gateway.reload(config));
  };
  // By the difference: what has been used stays used.
  await reload({ quota_usd: '0.000028' });
  assert.equal((await chat(gateway, 'sk-limited')).status, 200);
  refused(await chat(gateway, 'sk-limited'), /^This API key has used up its budget/);
  await reload({ budgets: { day: '0.00004' } });
  assert.equal((await chat(gateway, 'sk-limited')).status, 200);
  refused(await chat(gateway, 'sk-limited'), /^This API key has used up its budget/);

  // The file names a team of whom its user is no member yet.
  const red = await team(gateway);
  const { root, alice } = red;
  const leave = () => must(gateway, 'DELETE', `${red.route}/members/bob`, { token: alice.token });
  await leave();
  await topUp(gateway, root, 'bob', '1');
  await reload({}, [shared]);
  refused(await chat(gateway, shared.key), /pays for it no more/);
  await must(gateway, 'POST', `${red.route}/members`, { token: alice.token, body: { user: 'bob' } });
  await reload({}, [shared]);
  assert.equal((await chat(gateway, shared.key)).status, 200);
  const spent = await spentBy(gateway, red, 'bob');
  assert.equal(nanos(await balance(gateway, root, 'red')) + nanos(spent.day), nanos('1'));
  await leave();
  refused(await chat(gateway, shared.key), /pays for it no more/);
  await reload({}, [shared]);
  refused(await chat(gateway, shared.key), /pays for it no more/);
  assert.equal(await balance(gateway, root, 'bob'), '1');
});

for (const kind of kinds) {
  test(`on ${kind} 1,000 parallel calls share a budget, which outlives a kill -9`, async () => {
    const place = await placeFor(kind);
    const upstream = await startMock();
    const gateway = await gatewayFor(upstream, place.changes, place);
    // 3,000 tokens a day, of a wallet with a million.
    const budget = '0.003';
    const red = await team(gateway, { budgets: { day: budget } });
    const { root, bob } = red;
    const keys = [];
    for (const name of ['a', 'b', 'c']) keys.push(await makeKey(gateway, bob, { name, team: 'red' }));
    let received = 0;
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const answer = await chat(gateway, keys[i % 3].key, {
          model: 'mock-c2000-i0',
          stream: i % 2 === 0,
          max_tokens: i % 2 === 0 ? 100 : 60,
        });
        received += answer.status === 200 ? 1 : 0;
        return answer;
      }),
    );
    for (const each of answers) assert.ok([200, 429].includes(each.status), each.text);
    assert.ok(received > 5, String(received));
    const full = await until('the budget to be used up', async () => {
      const { json } = await must(gateway, 'GET', `${red.route}/members`, { token: red.alice.token });
      const { spent } = json.data.find((each) => each.username === 'bob');
      const next = await chat(gateway, keys[0].key, { stream: true, max_tokens: 2000, model: 'mock-c2000-i0' });
      return { done: next.status === 429, value: spent.day };
    });
    assert.ok(nanos(full) <= nanos(budget), full);
    gateway.kill('SIGKILL');
    await gateway.expectEnd();

    const again = await gatewayFor(upstream, place.changes, place);
    red.alice.token = await login(again, 'alice');
    root.token = await login(again, 'root');
    const spent = await spentBy(again, red, 'bob');
    assert.ok(nanos(spent.day) >= nanos(full), `${spent.day} of ${full}`);
    assert.ok(nanos(spent.day) <= nanos(budget), spent.day);
    assert.equal(nanos(await balance(again, root, 'red')) + nanos(spent.day), nanos('1'));
    refused(
      await chat(again, keys[1].key, { max_tokens: 2000, stream: true, model: 'mock-c2000-i0' }),
      /budget of the day in the team/,
    );
    const verdict = await must(again, 'POST', '/api/admin/wallets/verify', { token: root.token });
    assert.deepEqual(verdict.json.differences, []);
    // Removed while it was away from memory, too.
    await must(again, 'DELETE', `${red.route}/members/bob`, { token: red.alice.token });
    await again.stop();
    const last = await gatewayFor(upstream, place.changes, place);
    refused(await chat(last, keys[2].key), /pays for it no more/);
  });
}
