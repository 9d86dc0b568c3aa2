// Every route of the OpenAPI document, attacked in the same ways.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kAdminToken } from '../harness/administration.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const kPassword = 'correct horse battery';

async function call(gateway, method, route, { token, body, headers = {} } = {}) {
  const answer = await fetch(gateway.url + route, {
    method: method.toUpperCase(),
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.status, text, json, headers: answer.headers };
}

async function userOf(gateway, username) {
  const body = { username, email: `${username}@example.com`, password: kPassword };
  await call(gateway, 'POST', '/api/auth/register', { body });
  const login = await call(gateway, 'POST', '/api/auth/login', {
    body: { username, password: kPassword },
  });
  assert.equal(login.status, 200, login.text);
  return { token: login.json.token, id: login.json.user.id };
}

async function start(server = {}) {
  const upstream = await startMock();
  const gateway = await startGateway(
    configFor(upstream.url, { auth: { admin_token: kAdminToken }, server }),
  );
  const { json: document } = await call(gateway, 'GET', '/api/openapi.json');
  const routes = Object.entries(document.paths).flatMap(([pattern, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ pattern, method, operation })),
  );
  return { gateway, document, routes };
}

const isPublic = ({ operation }) => operation.security.length === 0;
const takes = (route, scheme) => route.operation.security.some((each) => scheme in each);
const ofUsers = (route) => takes(route, 'login') && !takes(route, 'admin_token');
// Of /api/live users have what is their own.
const ofAdministrators = (route) =>
  takes(route, 'login') && takes(route, 'admin_token') && !route.pattern.startsWith('/api/live');
const fill = (pattern, value) => pattern.replaceAll(/\{[^}]+\}/g, encodeURIComponent(value));
const named = ({ method, pattern }) => `${method.toUpperCase()} ${pattern}`;

test('the document names schemes, parameters and answers that there are', async () => {
  const { document, routes } = await start();
  assert.equal(document.openapi, '3.1.0');
  assert.ok(routes.length > 60, `${routes.length}`);
  for (const route of routes) {
    for (const scheme of route.operation.security.flatMap(Object.keys)) {
      assert.ok(document.components.securitySchemes[scheme], `${named(route)} ${scheme}`);
    }
    for (const answer of Object.values(route.operation.responses)) {
      assert.ok(document.components.responses[answer.$ref.split('/').pop()], named(route));
    }
    const variables = [...route.pattern.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    const parameters = route.operation.parameters.filter((each) => each.in === 'path');
    assert.deepEqual(parameters.map((each) => each.name), variables, named(route));
  }
});

test('without a credential no route answers that is not public', async () => {
  const { gateway, routes } = await start();
  for (const route of routes.filter((each) => !isPublic(each))) {
    // Heartbeats without an endpoint are for everybody where no workers.token is set.
    if (takes(route, 'worker_token')) continue;
    const target = fill(route.pattern, '1');
    for (const token of [undefined, 'wrong', 'a.b.c']) {
      const body = route.operation.requestBody ? {} : undefined;
      const answer = await call(gateway, route.method, target, { token, body });
      assert.ok([401, 403].includes(answer.status), `${named(route)} ${token} ${answer.status}`);
    }
  }
});

test('a user gets no administrator\'s route', async () => {
  const { gateway, routes } = await start();
  await userOf(gateway, 'root');
  const { token } = await userOf(gateway, 'alice');
  const all = routes.filter(ofAdministrators);
  assert.ok(all.length > 30);
  for (const route of all) {
    const body = route.operation.requestBody ? {} : undefined;
    const answer = await call(gateway, route.method, fill(route.pattern, '1'), { token, body });
    assert.ok([401, 403].includes(answer.status), `${named(route)} ${answer.status}`);
  }
});

test('nobody reaches what is another user\'s, by any id', async () => {
  const { gateway, routes } = await start();
  await userOf(gateway, 'root');
  const alice = await userOf(gateway, 'alice');
  const mallory = await userOf(gateway, 'mallory');
  const ids = new Set(['1', '2', String(alice.id), 'alice']);
  const collect = (value) => {
    if (Array.isArray(value)) value.forEach(collect);
    if (value === null || typeof value !== 'object') return;
    if ('id' in value) ids.add(String(value.id));
    Object.values(value).forEach(collect);
  };
  // What she has made, and what of hers can be listed.
  for (const target of ['/api/keys', '/api/teams']) {
    const made = await call(gateway, 'POST', target, {
      token: alice.token,
      body: { name: 'hers' },
    });
    assert.equal(made.status, 201, `${target} ${made.text}`);
    collect(made.json);
  }
  const owned = routes.filter(ofUsers);
  for (const route of owned.filter((each) => each.method === 'get')) {
    if (route.pattern.includes('{')) continue;
    const answer = await call(gateway, 'GET', route.pattern, { token: alice.token });
    if (answer.json) collect(answer.json);
  }
  const before = new Map();
  const lists = owned.filter((each) => each.method === 'get' && !each.pattern.includes('{'));
  for (const { pattern } of lists) {
    const answer = await call(gateway, 'GET', pattern, { token: alice.token });
    if (answer.status === 200) before.set(pattern, answer.text);
  }
  assert.ok(before.size > 4);
  for (const route of owned.filter((each) => each.pattern.includes('{'))) {
    for (const id of ids) {
      const answer = await call(gateway, route.method, fill(route.pattern, id), {
        token: mallory.token,
        body: route.operation.requestBody ? {} : undefined,
        headers: { 'if-match': '*' },
      });
      assert.ok(
        answer.status >= 400 && answer.status < 500,
        `${named(route)} ${id}: ${answer.status} ${answer.text}`,
      );
    }
  }
  for (const [pattern, text] of before) {
    const after = await call(gateway, 'GET', pattern, { token: alice.token });
    assert.equal(after.text, text, `${pattern} has changed`);
  }
});

test('fields that are not declared are refused everywhere', async () => {
  const { gateway, routes } = await start();
  const { token } = await userOf(gateway, 'root');
  const own = routes.filter((each) => each.operation.responses['400']);
  assert.ok(own.length > 40);
  for (const route of own) {
    const target = fill(route.pattern, '1');
    if (route.method !== 'get') {
      for (const field of ['role', 'balance', 'user_id', 'version', '__proto__']) {
        const schema = route.operation.requestBody?.content['application/json'].schema;
        if (schema?.properties[field]) continue;
        const body = JSON.parse(`{${JSON.stringify(field)}: 1}`);
        const answer = await call(gateway, route.method, target, { token, body });
        assert.equal(answer.status, 400, `${named(route)} ${field} ${answer.text}`);
        assert.equal(answer.json.error.field, field, named(route));
      }
    }
    const answer = await call(gateway, route.method, `${target}?unknown=1`, {
      token,
      body: route.method === 'get' ? undefined : {},
    });
    assert.equal(answer.status, 400, `${named(route)} ?unknown ${answer.text}`);
  }
});

test('text with SQL in it stays text, on every route that takes one', async () => {
  const { gateway, routes } = await start();
  const { token } = await userOf(gateway, 'root');
  const evil = `x'; DROP TABLE users; --`;
  const own = routes.filter((each) => each.operation.responses['400']);
  for (const route of own) {
    if (route.pattern === '/api/auth/logout') continue;
    const schema = route.operation.requestBody?.content['application/json'].schema;
    const body = {};
    for (const [name, property] of Object.entries(schema?.properties ?? {})) {
      if (property.type === 'string') body[name] = evil;
    }
    const query = route.operation.parameters
      .filter((each) => each.in === 'query' && each.schema.type === 'string')
      .map((each) => `${each.name}=${encodeURIComponent(evil)}`);
    const target = fill(route.pattern, evil) + (query.length > 0 ? `?${query.join('&')}` : '');
    const answer = await call(gateway, route.method, target, {
      token,
      body: route.method === 'get' ? undefined : body,
      headers: { 'if-match': '*' },
    });
    assert.ok(answer.status < 500, `${named(route)} ${answer.status} ${answer.text}`);
  }
  assert.equal((await call(gateway, 'GET', '/api/admin/users', { token })).status, 200);
});

test('CORS, gzip and the limit of a body hold here, too', async () => {
  const { gateway } = await start({
    gzip: true,
    cors: { enabled: true, allowed_origins: ['https://app.example.com'] },
  });
  const headers = { origin: 'https://app.example.com' };
  const document = await call(gateway, 'GET', '/api/openapi.json', { headers });
  assert.equal(document.headers.get('access-control-allow-origin'), headers.origin);
  assert.equal(document.headers.get('content-encoding'), 'gzip');
  const other = await call(gateway, 'GET', '/api/openapi.json', {
    headers: { origin: 'https://evil.example.com' },
  });
  assert.equal(other.headers.get('access-control-allow-origin'), null);
  const large = await call(gateway, 'POST', '/api/admin/providers', {
    token: kAdminToken,
    body: { name: 'x'.repeat(70_000) },
  });
  assert.equal(large.status, 413);
});
