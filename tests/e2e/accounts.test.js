// Users: registering, logging in and out, and who is kept out.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const kPassword = 'correct horse battery';
const kSecret = 'a-secret-of-at-least-sixteen-bytes';

/// A gateway without users; `address` is what a trusted proxy says of the client.
async function gatewayFor(changes = {}, options) {
  const upstream = await startMock();
  return startGateway(
    configFor(upstream.url, {
      server: { host: '127.0.0.1', port: 0, trusted_proxies: ['127.0.0.1'] },
      auth: { jwt_secret: kSecret },
      ...changes,
    }),
    options,
  );
}

async function call(gateway, method, route, { token, body, headers = {}, from } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(from ? { 'x-forwarded-for': from } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    json: text === '' ? undefined : JSON.parse(text),
    cookie: answer.headers.get('set-cookie')?.split(';')[0],
  };
}

const register = (gateway, username, more = {}, options = {}) =>
  call(gateway, 'POST', '/api/auth/register', {
    body: { username, email: `${username}@example.com`, password: kPassword, ...more },
    ...options,
  });

async function login(gateway, username, options = {}) {
  const answer = await call(gateway, 'POST', '/api/auth/login', {
    body: { username, password: kPassword },
    ...options,
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  return { ...answer, token: answer.json.token };
}

/// An administrator `root` and a user `alice`, both logged in.
async function twoUsers(gateway) {
  assert.equal((await register(gateway, 'root')).status, 201);
  assert.equal((await register(gateway, 'alice')).status, 201);
  return { root: await login(gateway, 'root'), alice: await login(gateway, 'alice') };
}

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function forge(token, { header = {}, claims = {}, secret = kSecret } = {}) {
  const [head, body] = token.split('.').map((part) => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url').toString());
    } catch {
      return {};
    }
  });
  const signed = `${base64({ ...head, ...header })}.${base64({ ...body, ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

test('the first user becomes administrator, and nobody after him', async () => {
  const gateway = await gatewayFor();
  assert.equal((await call(gateway, 'GET', '/api/boot')).json.first_run, true);
  const first = await register(gateway, 'root');
  assert.equal(first.json.user.role, 'administrator');
  assert.equal((await register(gateway, 'alice')).json.user.role, 'user');
  assert.equal((await call(gateway, 'GET', '/api/boot')).json.first_run, false);
  const again = await register(gateway, 'root');
  assert.equal(again.status, 409);
  assert.equal(again.json.error.code, 'conflict');
});

test('from afar the first user needs the setup token that the log shows', async () => {
  const gateway = await gatewayFor();
  const from = '203.0.113.9';
  const boot = await call(gateway, 'GET', '/api/boot', { from });
  assert.equal(boot.json.setup_token_required, true);
  assert.equal((await register(gateway, 'evil', {}, { from })).status, 403);
  assert.equal((await register(gateway, 'evil', { setup_token: 'setup_x' }, { from })).status, 403);
  const line = JSON.parse(await gateway.stdout.first((each) => each.includes('setup_token')));
  const token = { setup_token: line.setup_token };
  assert.equal((await register(gateway, 'root', token, { from })).json.user.role, 'administrator');
  assert.equal((await register(gateway, 'late', token, { from })).json.user.role, 'user');
});

test('neither a proxy that nobody named nor a page in a browser makes one local', async () => {
  const gateway = await gatewayFor({
    server: { host: '127.0.0.1', port: 0, trusted_proxies: [] },
  });
  for (const headers of [
    { 'x-forwarded-for': '203.0.113.9' },
    { 'x-real-ip': '203.0.113.9' },
    { forwarded: 'for=203.0.113.9' },
    { origin: 'https://evil.example' },
  ]) {
    const boot = await call(gateway, 'GET', '/api/boot', { headers });
    assert.equal(boot.json.setup_token_required, true, JSON.stringify(headers));
    assert.equal((await register(gateway, 'evil', {}, { headers })).status, 403);
  }
  assert.equal((await register(gateway, 'root')).json.user.role, 'administrator');
});

test('who may register is decided by the configuration', async () => {
  const closed = await gatewayFor({ auth: { registration: 'closed' } });
  assert.equal((await register(closed, 'root')).status, 201);
  assert.equal((await register(closed, 'alice')).status, 403);

  const invited = await gatewayFor({ auth: { registration: 'invite' } });
  assert.equal((await register(invited, 'root')).status, 201);
  assert.equal((await register(invited, 'alice')).status, 403);
  const { token } = await login(invited, 'root');
  const invite = await call(invited, 'POST', '/api/admin/invites', { token, body: {} });
  assert.equal(invite.status, 201);
  assert.equal((await register(invited, 'alice', { invite: `${invite.json.code}x` })).status, 403);
  assert.equal((await register(invited, 'alice', { invite: invite.json.code })).status, 201);
  assert.equal((await register(invited, 'bob', { invite: invite.json.code })).status, 403);
  const listed = await call(invited, 'GET', '/api/admin/invites', { token });
  assert.ok(listed.json.data[0].used_at);
  assert.equal(JSON.stringify(listed.json).includes(invite.json.code), false);
});

test('bad names, passwords and addresses are refused with the field at fault', async () => {
  const gateway = await gatewayFor();
  await register(gateway, 'root');
  for (const [more, field] of [
    [{ username: '12345' }, 'username'],
    [{ username: 'a b' }, 'username'],
    [{ username: "x'; DROP TABLE users; --" }, 'username'],
    [{ password: 'short' }, 'password'],
    [{ password: 'x'.repeat(5000) }, 'password'],
    [{ password: 'alice', username: 'alice' }, 'password'],
    [{ email: 'nowhere' }, 'email'],
    [{ role: 'administrator' }, 'role'],
    [{ balance: '100' }, 'balance'],
    [{ username: 7 }, 'username'],
  ]) {
    const answer = await register(gateway, 'alice', more);
    assert.equal(answer.status, 400, JSON.stringify(more));
    assert.equal(answer.json.error.field, field);
  }
});

test('a login gives a token, and a cookie that scripts cannot read', async () => {
  const gateway = await gatewayFor();
  const { alice } = await twoUsers(gateway);
  const cookie = alice.headers.get('set-cookie');
  for (const part of ['HttpOnly', 'SameSite=Strict', 'Path=/api/auth']) {
    assert.ok(cookie.includes(part), cookie);
  }
  const me = await call(gateway, 'GET', '/api/me', { token: alice.token });
  assert.equal(me.json.user.username, 'alice');
  assert.deepEqual(me.json.permissions, ['keys', 'usage', 'wallet']);
  const day = Date.parse(alice.json.expires_at) - Date.now();
  assert.ok(Math.abs(day - 86_400_000) < 60_000);
  const console = await login(gateway, 'alice', { headers: { 'x-sluice-client': 'console' } });
  assert.ok(Date.parse(console.json.expires_at) - Date.now() <= 900_000);
  assert.equal((await call(gateway, 'GET', '/api/me')).status, 401);
});

test('no forged, foreign or expired token opens anything', async () => {
  const gateway = await gatewayFor();
  const { alice } = await twoUsers(gateway);
  const past = Math.floor(Date.now() / 1000) - 10;
  const bad = [
    `${forge(alice.token, { header: { alg: 'none' } }).split('.').slice(0, 2).join('.')}.`,
    forge(alice.token, { header: { alg: 'none' } }),
    forge(alice.token, { header: { alg: 'HS512' } }),
    forge(alice.token, { header: { kid: 'other' } }),
    forge(alice.token, { claims: { role: 'administrator' }, secret: 'another secret of bytes' }),
    forge(alice.token, { claims: { exp: past } }),
    forge(alice.token, { claims: { iat: past + 100_000 } }),
    forge(alice.token, { claims: { sub: 'x' } }),
    `${alice.token}x`,
    alice.token.slice(0, -2),
    'a.b.c',
    '...',
  ];
  for (const token of bad) {
    for (const route of ['/api/me', '/api/admin/users', '/api/sessions']) {
      const answer = await call(gateway, 'GET', route, { token });
      assert.equal(answer.status, 401, `${route} ${token}`);
    }
  }
  // Signed rightly it is believed: the tests above fail for their reasons.
  const good = forge(alice.token, {});
  assert.equal((await call(gateway, 'GET', '/api/me', { token: good })).status, 200);
});

test('what is for administrators is refused to others', async () => {
  const gateway = await gatewayFor();
  const { root, alice } = await twoUsers(gateway);
  for (const [method, route, body] of [
    ['GET', '/api/admin/users'],
    ['POST', '/api/admin/users', { username: 'eve', password: kPassword, role: 'administrator' }],
    ['PATCH', '/api/admin/users/alice', { role: 'administrator' }],
    ['GET', '/api/admin/keys'],
    ['GET', '/api/admin/usage'],
    ['POST', '/api/admin/users/alice/wallet/top-up', { amount: '5', idempotency_key: 'k' }],
    ['POST', '/api/admin/invites', {}],
    ['GET', '/api/admin/workers'],
  ]) {
    const answer = await call(gateway, method, route, { token: alice.token, body });
    assert.equal(answer.status, 403, `${method} ${route}`);
  }
  const users = await call(gateway, 'GET', '/api/admin/users', { token: root.token });
  assert.deepEqual(
    users.json.data.map((each) => each.username),
    ['root', 'alice'],
  );
  assert.equal(JSON.stringify(users.json).includes('argon2'), false);
});

test('a refresh token serves once; who shows it again ends the login', async () => {
  const gateway = await gatewayFor();
  const { alice } = await twoUsers(gateway);
  const refresh = (cookie) =>
    call(gateway, 'POST', '/api/auth/refresh', { headers: { cookie } });
  const next = await refresh(alice.cookie);
  assert.equal(next.status, 200);
  assert.notEqual(next.cookie, alice.cookie);
  const after = await refresh(next.cookie);
  assert.equal(after.status, 200);
  assert.equal((await refresh('sluice_refresh=ref_made_up')).status, 401);
  assert.equal((await call(gateway, 'POST', '/api/auth/refresh')).status, 401);
  // Logged out, neither the token nor the cookie is good for anything.
  const out = await call(gateway, 'POST', '/api/auth/logout', { headers: { cookie: after.cookie } });
  assert.equal(out.status, 200);
  assert.equal((await refresh(after.cookie)).status, 401);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: alice.token })).status, 401);
});

test('logins are listed, and ended by their own user alone', async () => {
  const gateway = await gatewayFor();
  const { root, alice } = await twoUsers(gateway);
  const second = await login(gateway, 'alice');
  const sessions = await call(gateway, 'GET', '/api/sessions', { token: second.token });
  assert.equal(sessions.json.data.length, 2);
  const first = sessions.json.data.find((each) => !each.current);
  const foreign = await call(gateway, 'DELETE', `/api/sessions/${first.id}`, { token: root.token });
  assert.equal(foreign.status, 404);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: alice.token })).status, 200);
  const own = await call(gateway, 'DELETE', `/api/sessions/${first.id}`, { token: second.token });
  assert.equal(own.status, 200);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: alice.token })).status, 401);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: second.token })).status, 200);
});

test('a new password ends all other logins', async () => {
  const gateway = await gatewayFor();
  const { alice } = await twoUsers(gateway);
  const other = await login(gateway, 'alice');
  const change = (old_password, new_password) =>
    call(gateway, 'POST', '/api/me/password', {
      token: alice.token,
      body: { old_password, new_password },
    });
  assert.equal((await change('wrong one', 'a new password')).status, 401);
  assert.equal((await change(kPassword, 'short')).status, 400);
  assert.equal((await change(kPassword, 'a new password')).status, 200);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: other.token })).status, 401);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: alice.token })).status, 200);
  const old = await call(gateway, 'POST', '/api/auth/login', {
    body: { username: 'alice', password: kPassword },
  });
  assert.equal(old.status, 401);
});

test('who is disabled, or loses administration, is out at once', async () => {
  const gateway = await gatewayFor();
  const { root, alice } = await twoUsers(gateway);
  const change = async (body, headers) => {
    const seen = await call(gateway, 'GET', '/api/admin/users/alice', { token: root.token });
    return call(gateway, 'PATCH', '/api/admin/users/alice', {
      token: root.token,
      body,
      headers: { 'if-match': seen.headers.get('etag'), ...headers },
    });
  };
  assert.equal((await change({ disabled: true }, { 'if-match': '"99"' })).status, 412);
  assert.equal((await change({ disabled: true })).status, 200);
  assert.equal((await call(gateway, 'GET', '/api/me', { token: alice.token })).status, 401);
  const kept = await call(gateway, 'POST', '/api/auth/login', {
    body: { username: 'alice', password: kPassword },
  });
  assert.equal(kept.status, 403);
  const refreshed = await call(gateway, 'POST', '/api/auth/refresh', {
    headers: { cookie: alice.cookie },
  });
  assert.equal(refreshed.status, 401);
  assert.equal((await change({ disabled: false, role: 'administrator' })).status, 200);
  const admin = await login(gateway, 'alice');
  const list = () => call(gateway, 'GET', '/api/admin/users', { token: admin.token });
  assert.equal((await list()).status, 200);
  assert.equal((await change({ role: 'user' })).status, 200);
  assert.equal((await list()).status, 401);
  const self = await call(gateway, 'PATCH', '/api/admin/users/root', {
    token: root.token,
    body: { role: 'user' },
    headers: { 'if-match': '*' },
  });
  assert.equal(self.status, 400);
});

test('guessing passwords becomes slow, and does not keep the owner out', async () => {
  const gateway = await gatewayFor();
  await twoUsers(gateway);
  const guess = (username, from) =>
    call(gateway, 'POST', '/api/auth/login', { body: { username, password: 'guess' }, from });
  const answers = [];
  for (let i = 0; i < 8; i += 1) answers.push(await guess('alice', '203.0.113.5'));
  assert.deepEqual(
    answers.slice(0, 5).map((each) => each.status),
    [401, 401, 401, 401, 401],
  );
  assert.equal(answers.at(-1).status, 429);
  assert.ok(Number(answers.at(-1).headers.get('retry-after')) >= 1);
  // Neither the right password nor other names help that address, but the owner's own does.
  for (let i = 0; i < 20; i += 1) answers.push(await guess(`name${i}`, '203.0.113.5'));
  assert.equal(answers.at(-1).status, 429);
  assert.ok((await login(gateway, 'alice', { from: '198.51.100.7' })).token);
});

test('a forwarded address is believed only from a trusted proxy', async () => {
  const gateway = await gatewayFor({
    server: { host: '127.0.0.1', port: 0, trusted_proxies: [] },
  });
  assert.equal((await register(gateway, 'root')).status, 201);
  await register(gateway, 'alice');
  const statuses = [];
  for (let i = 0; i < 7; i += 1) {
    const answer = await call(gateway, 'POST', '/api/auth/login', {
      body: { username: 'alice', password: 'guess' },
      from: `198.51.100.${i}`,
    });
    statuses.push(answer.status);
  }
  assert.equal(statuses.at(-1), 429);
});

test('after a restart logins go on, and what was ended stays ended', async () => {
  const gateway = await gatewayFor();
  const { alice } = await twoUsers(gateway);
  const other = await login(gateway, 'alice');
  await call(gateway, 'POST', '/api/auth/logout', { token: other.token });
  await gateway.stop();
  const again = await gatewayFor({}, { folder: gateway.folder });
  assert.equal((await call(again, 'GET', '/api/me', { token: alice.token })).status, 200);
  assert.equal((await call(again, 'GET', '/api/me', { token: other.token })).status, 401);
});

test('a new signing secret is taken up by a reload, and the old one lives on for a while', async () => {
  const upstream = await startMock();
  const config = (secret) =>
    configFor(upstream.url, { auth: { jwt_secret: secret, admin_token: 'operator' } });
  const gateway = await startGateway(config(kSecret));
  assert.equal((await register(gateway, 'root')).status, 201);
  const before = await login(gateway, 'root');
  assert.equal(await gateway.reload(config('another-secret-that-is-long-enough')), true);
  const after = await login(gateway, 'root');
  assert.notEqual(after.token.split('.')[0], before.token.split('.')[0]);
  for (const { token } of [before, after]) {
    assert.equal((await call(gateway, 'GET', '/api/me', { token })).status, 200);
  }
});
