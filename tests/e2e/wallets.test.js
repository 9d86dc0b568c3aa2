// What users have: their own wallets, redemption codes, and teams that share a wallet.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { admin, kAdminToken, place } from '../harness/administration.mjs';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

for (const kind of servers) await startServer(kind);

const kPassword = 'correct horse battery';

async function call(gateway, method, route, { token, body, from, match } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(from ? { 'x-forwarded-for': from } : {}),
      ...(match ? { 'if-match': match } : {}),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    etag: answer.headers.get('etag'),
    json: text === '' ? undefined : JSON.parse(text),
  };
}

/// A user with a token; `ask` is a request of his.
async function join(gateway, username) {
  const made = await call(gateway, 'POST', '/api/auth/register', {
    body: { username, email: `${username}@example.com`, password: kPassword },
  });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  const login = await call(gateway, 'POST', '/api/auth/login', {
    body: { username, password: kPassword },
  });
  const { token } = login.json;
  return {
    id: made.json.user.id,
    username,
    ask: (method, route, body, options = {}) =>
      call(gateway, method, `/api/${route}`, { token, body, ...options }),
  };
}

async function start(changes = {}) {
  const upstream = await startMock();
  const gateway = await startGateway(
    configFor(upstream.url, {
      server: { host: '127.0.0.1', port: 0, trusted_proxies: ['127.0.0.1'] },
      auth: { jwt_secret: 'a-secret-of-at-least-sixteen-bytes', admin_token: kAdminToken },
      ...changes,
    }),
  );
  const people = {};
  for (const name of ['root', 'alice', 'bob']) people[name] = await join(gateway, name);
  return { gateway, ...people };
}

async function makeCodes(root, body) {
  const made = await root.ask('POST', 'admin/codes', body);
  assert.equal(made.status, 201, JSON.stringify(made.json));
  return made.json.data.map((each) => each.code);
}

const topUp = (root, user, amount, key) =>
  root.ask('POST', `admin/users/${user}/wallet/top-up`, { amount, idempotency_key: key });

test('a user sees what is his, to the nano-dollar', async () => {
  const { root, alice, bob } = await start();
  assert.deepEqual((await alice.ask('GET', 'wallet')).json, {
    balance: '0',
    held: '0',
    available: '0',
  });
  assert.equal((await topUp(root, 'alice', '12.000000001', 'a')).status, 201);
  // By id it is the same wallet, and the same entry.
  assert.equal((await topUp(root, alice.id, '12.000000001', 'a')).json.repeated, true);
  assert.equal((await topUp(root, alice.id, '0.100000000', 'b')).status, 201);
  const wallet = (await alice.ask('GET', 'wallet')).json;
  assert.deepEqual(wallet, { balance: '12.100000001', held: '0', available: '12.100000001' });
  assert.equal((await bob.ask('GET', 'wallet')).json.balance, '0');

  const first = (await alice.ask('GET', 'wallet/transactions?limit=1')).json;
  assert.deepEqual([first.data.length, first.data[0].amount], [1, '0.1']);
  const rest = (await alice.ask('GET', `wallet/transactions?cursor=${first.next_cursor}`)).json;
  assert.deepEqual([rest.data[0].amount, rest.next_cursor], ['12.000000001', null]);
  assert.deepEqual((await bob.ask('GET', 'wallet/transactions')).json.data, []);
  assert.deepEqual((await alice.ask('POST', 'wallet/verify')).json, {
    equal: true,
    differences: [],
  });
});

test('nobody sets a balance, and a user pays nothing in', async () => {
  const { gateway, root, alice, bob } = await start();
  for (const [method, route, body] of [
    ['POST', 'admin/users/alice/wallet/top-up', { amount: '1', idempotency_key: 'x' }],
    ['POST', 'admin/users/alice/wallet/adjust', { amount: '1', reason: 'r', idempotency_key: 'x' }],
    ['GET', 'admin/users/bob/wallet'],
    ['GET', 'admin/wallets'],
    ['GET', 'admin/codes'],
    ['POST', 'admin/codes', { amount: '1' }],
    ['DELETE', 'admin/codes/1'],
  ]) {
    assert.equal((await alice.ask(method, route, body)).status, 403, route);
  }
  const me = await alice.ask('GET', 'me');
  for (const change of [{ balance: '5' }, { wallet: { balance: '5' } }]) {
    assert.equal((await alice.ask('PATCH', 'me', change, { match: me.etag })).status, 400);
  }
  for (const method of ['PUT', 'PATCH', 'POST']) {
    assert.equal((await alice.ask(method, 'wallet', { balance: '5' })).status, 405);
    const route = `admin/users/${bob.id}/wallet`;
    assert.equal((await root.ask(method, route, { balance: '5' })).status, 405);
  }
  // A number is an id: nobody is made who is called that.
  assert.equal((await topUp(root, '424242', '1', 'n')).status, 404);
  for (const route of ['wallet', 'wallet/transactions', 'teams']) {
    assert.equal((await call(gateway, 'GET', `/api/${route}`)).status, 401, route);
  }
  assert.equal((await alice.ask('GET', 'wallet')).json.balance, '0');
});

test('a top-up that comes fifty times at once counts once', async () => {
  const { root, alice } = await start();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => topUp(root, 'alice', '3.5', 'invoice 7')),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ status }) => status === 200).length, 49);
  assert.equal((await alice.ask('GET', 'wallet')).json.available, '3.5');
  assert.equal((await topUp(root, 'bob', '3.5', 'invoice 7')).status, 400);
});

for (const kind of kinds) {
  test(`of fifty who redeem one code at once one gets it, on ${kind}`, async () => {
    const { root, alice, bob } = await start((await placeFor(kind)).changes);
    const [code] = await makeCodes(root, { amount: '7.000000009', note: 'for the fair' });
    // From ten addresses, so that it is the code that lets only one through.
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 ? alice : bob).ask('POST', 'wallet/redeem', { code }, { from: `10.0.0.${i % 10}` }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((each) => each === 201).length, 1, String(statuses));
    assert.ok(statuses.includes(409), String(statuses));
    assert.ok(
      statuses.every((each) => [201, 409, 429].includes(each)),
      String(statuses),
    );
    const { entry, wallet } = answers.find(({ status }) => status === 201).json;
    assert.deepEqual([entry.kind, entry.amount], ['grant', '7.000000009']);
    assert.equal(wallet.available, '7.000000009');
    const sums = await Promise.all([alice, bob].map((each) => each.ask('GET', 'wallet')));
    assert.deepEqual(sums.map(({ json }) => json.available).sort(), ['0', '7.000000009']);
    const [listed] = (await root.ask('GET', 'admin/codes')).json.data;
    assert.equal(listed.redeemed_by, entry.actor);
    assert.equal((await root.ask('POST', 'admin/wallets/verify')).json.equal, true);
  });
}

test('codes are shown once, listed, deleted and expire', async () => {
  const { root, alice } = await start();
  const codes = await makeCodes(root, { amount: '1', count: 1000 });
  assert.equal(new Set(codes).size, 1000);
  const page = (await root.ask('GET', 'admin/codes?limit=2')).json;
  assert.equal(page.data.length, 2);
  assert.ok(page.next_cursor);
  const all = JSON.stringify((await root.ask('GET', 'admin/codes?limit=1000')).json);
  assert.equal(
    codes.some((code) => all.includes(code)),
    false,
  );
  const last = page.data[0];
  assert.ok(codes.at(-1).startsWith(last.prefix));
  assert.equal((await root.ask('DELETE', `admin/codes/${last.id}`)).status, 200);
  assert.equal((await root.ask('DELETE', `admin/codes/${last.id}`)).status, 404);
  assert.equal((await alice.ask('POST', 'wallet/redeem', { code: codes.at(-1) })).status, 404);
  assert.equal((await alice.ask('POST', 'wallet/redeem', { code: codes[0] })).status, 201);
  assert.equal((await alice.ask('POST', 'wallet/redeem', { code: codes[0] })).status, 409);
  const used = (await root.ask('GET', 'admin/codes?limit=1000')).json.data.at(-1);
  assert.equal(used.redeemed_by, 'alice');
  assert.equal((await root.ask('DELETE', `admin/codes/${used.id}`)).status, 409);
  for (const body of [
    { amount: '0' },
    { amount: '-1' },
    { amount: '0.0000000001' },
    { amount: '1', count: 0 },
    { amount: '1', count: 1001 },
    { amount: '1', expires_at: '2020-01-01' },
    { amount: '1', code: 'mine' },
    {},
  ]) {
    assert.equal((await root.ask('POST', 'admin/codes', body)).status, 400, JSON.stringify(body));
  }
});

test('who guesses codes is slowed down, and others are not', async () => {
  const { root, alice, bob } = await start();
  const [code] = await makeCodes(root, { amount: '1' });
  const from = '198.51.100.7';
  const statuses = [];
  for (let i = 0; i < 6; ++i) {
    const guess = await alice.ask('POST', 'wallet/redeem', { code: `code_guess${i}` }, { from });
    statuses.push(guess.status);
    if (guess.status === 429) assert.ok(Number(guess.headers.get('retry-after')) >= 1);
  }
  assert.deepEqual(statuses, [404, 404, 404, 404, 404, 429]);
  // Also with the right one, and from elsewhere.
  const refused = await alice.ask('POST', 'wallet/redeem', { code }, { from: '198.51.100.8' });
  assert.equal(refused.status, 429);
  assert.equal((await bob.ask('POST', 'wallet/redeem', { code }, { from })).status, 201);
});

test('what is paid in by a code or for a team can be spent at once', async () => {
  const { gateway, root, alice } = await start({
    models: [{ name: 'gpt-4o', input: '2.50', output: '10.00' }],
  });
  const { team } = (await alice.ask('POST', 'teams', { name: 'red' })).json;
  const keyOf = async (user) => {
    const made = await admin(gateway, 'POST', 'keys', { name: `of ${user}`, user });
    assert.equal(made.status, 201);
    return (await made.json()).key;
  };
  const chat = async (key) => {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    });
    return answer.status;
  };
  const own = await keyOf('alice');
  const shared = await keyOf('red');
  assert.deepEqual([await chat(own), await chat(shared)], [429, 429]);
  const [code] = await makeCodes(root, { amount: '1' });
  assert.equal((await alice.ask('POST', 'wallet/redeem', { code })).status, 201);
  assert.deepEqual([await chat(own), await chat(shared)], [200, 429]);
  assert.equal((await topUp(root, team.id, '1', 'k')).status, 201);
  assert.equal(await chat(shared), 200);
  const { wallet } = (await alice.ask('GET', `teams/${team.id}`)).json.team;
  assert.ok(Number(wallet.available) < 1, wallet.available);
});

test('a team shares a wallet among its members, and is not there for others', async () => {
  const { root, alice, bob } = await start();
  const made = await alice.ask('POST', 'teams', { name: 'red' });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  const { team } = made.json;
  assert.deepEqual([team.role, team.members, team.wallet.balance], ['owner', 1, '0']);
  assert.equal((await topUp(root, 'red', '5.000000001', 't')).json.new_user, false);
  const route = `teams/${team.id}`;
  assert.equal((await alice.ask('GET', route)).json.team.wallet.available, '5.000000001');

  const routes = [
    ['GET', route],
    ['PATCH', route, { name: 'mine' }],
    ['DELETE', route],
    ['GET', `${route}/transactions`],
    ['GET', `${route}/members`],
    ['POST', `${route}/members`, { user: 'bob', role: 'owner' }],
    ['PATCH', `${route}/members/alice`, { role: 'member' }],
    ['DELETE', `${route}/members/alice`],
    ['DELETE', `${route}/members/bob`],
  ];
  for (const other of [bob, root]) {
    for (const [method, each, body] of routes) {
      const answer = await other.ask(method, each, body, { match: '*' });
      assert.equal(answer.status, 404, `${method} ${each}`);
    }
    assert.deepEqual((await other.ask('GET', 'teams')).json.data, []);
  }

  const budgets = { day: '1.5', month: '0.000000001' };
  const added = await alice.ask('POST', `${route}/members`, { user: 'bob', budgets });
  assert.equal(added.status, 201, JSON.stringify(added.json));
  assert.deepEqual(added.json.member.budgets, { ...budgets, week: null });
  assert.equal((await bob.ask('GET', 'teams')).json.data[0].role, 'member');
  assert.equal((await bob.ask('GET', `${route}/transactions`)).json.data.length, 1);
  for (const [method, each, body] of routes.slice(1, 3).concat(routes.slice(5, 8))) {
    const answer = await bob.ask(method, each, body, { match: '*' });
    assert.equal(answer.status, 403, `${method} ${each}`);
  }
  assert.equal((await bob.ask('GET', 'wallet')).json.balance, '0', 'his own is another');
});

test('what members may do is changed by owners who have read it', async () => {
  const { alice, bob } = await start();
  const { team } = (await alice.ask('POST', 'teams', { name: 'red' })).json;
  const route = `teams/${team.id}`;
  const member = `${route}/members/${bob.id}`;
  await alice.ask('POST', `${route}/members`, { user: String(bob.id), budgets: { day: '1' } });
  const { etag } = await alice.ask('GET', `${route}/members`);
  const change = { budgets: { week: '2', day: null } };
  assert.equal((await alice.ask('PATCH', member, change)).status, 412);
  const changed = await alice.ask('PATCH', member, change, { match: etag });
  assert.equal(changed.status, 200, JSON.stringify(changed.json));
  assert.deepEqual(changed.json.member.budgets, { day: null, week: '2', month: null });
  assert.equal((await alice.ask('PATCH', member, change, { match: etag })).status, 412);
  for (const body of [
    { budgets: { day: '-1' } },
    { budgets: { year: '1' } },
    { budgets: '5' },
    { role: 'administrator' },
    { balance: '5' },
  ]) {
    const refused = await alice.ask('PATCH', member, body, { match: changed.etag });
    assert.equal(refused.status, 400, JSON.stringify(body));
  }
  assert.equal((await alice.ask('DELETE', `${route}/members/alice`)).status, 409);
  assert.equal((await bob.ask('DELETE', `${route}/members/bob`)).status, 200);
  assert.equal((await bob.ask('GET', route)).status, 404);
  assert.equal((await alice.ask('DELETE', route)).status, 200);
  assert.equal((await alice.ask('GET', route)).status, 404);
});

test('nobody logs in as a team, or makes himself one', async () => {
  const { gateway, root, alice } = await start();
  const { team } = (await alice.ask('POST', 'teams', { name: 'red' })).json;
  const login = { username: 'red', password: kPassword };
  const body = { ...login, email: 'red@example.com' };
  assert.equal((await call(gateway, 'POST', '/api/auth/login', { body: login })).status, 401);
  assert.equal((await call(gateway, 'POST', '/api/auth/register', { body })).status, 409);
  const change = { password: kPassword };
  for (const id of [team.id, 'red']) {
    const answer = await root.ask('PATCH', `admin/users/${id}`, change, { match: '*' });
    assert.equal(answer.status, 404);
  }
  assert.equal((await alice.ask('POST', 'teams', { name: 'root' })).status, 409);
  assert.equal((await alice.ask('POST', 'teams', { name: '17' })).status, 400);
});

test('users, invitations and codes from a shell', async () => {
  const at = place(await startMock(), { auth: { registration: 'invite' } });
  const file = path.join(at.folder, 'password');
  writeFileSync(file, `${kPassword}\n`);
  const add = ['user', 'add', 'root', '--admin', '--password-file', file];
  const first = await at.json(...add);
  assert.equal(first.user.role, 'administrator');
  assert.equal((await at.sluice(...add)).code, 1, 'the name is taken');

  const gateway = await startGateway(at.config);
  after(() => gateway.stop?.());
  const login = (username) =>
    call(gateway, 'POST', '/api/auth/login', { body: { username, password: kPassword } });
  assert.equal((await login('root')).status, 200);
  const { stdout: invite } = await at.text('user', 'invite');
  const joined = await call(gateway, 'POST', '/api/auth/register', {
    body: {
      username: 'alice',
      email: 'alice@example.com',
      password: kPassword,
      invite: invite.trim(),
    },
  });
  assert.equal(joined.status, 201, JSON.stringify(joined.json));
  await at.json('user', 'disable', 'alice');
  assert.notEqual((await login('alice')).status, 200);
  await at.json('user', 'enable', String(joined.json.user.id));
  const { token } = (await login('alice')).json;
  const changed = await at.json('user', 'role', 'alice', 'administrator');
  assert.equal(changed.user.role, 'administrator');
  await at.json('user', 'password', 'alice', '--password-file', file);
  const { stdout: list } = await at.text('user', 'list', '--name', 'al');
  assert.match(list, /alice/);
  assert.equal(list.includes('root'), false);
  assert.equal((await call(gateway, 'GET', '/api/wallet', { token })).status, 401);

  const { stdout, stderr } = await at.text('wallet', 'code', 'create', '2.5', '--count', '3');
  const codes = stdout.trim().split('\n');
  assert.equal(codes.length, 3);
  assert.match(stderr, /3 made, shown only now/);
  const again = (await login('alice')).json.token;
  const redeemed = await call(gateway, 'POST', '/api/wallet/redeem', {
    token: again,
    body: { code: codes[1] },
  });
  assert.equal(redeemed.json.wallet.balance, '2.5');
  const [newest] = (await at.json('wallet', 'code', 'list')).data;
  await at.json('wallet', 'code', 'delete', String(newest.id));
  assert.equal((await at.json('wallet', 'code', 'list')).data.length, 2);
});
