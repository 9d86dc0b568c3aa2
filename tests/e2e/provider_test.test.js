// POST /api/admin/providers/{id}/test: what is told of providers that work, and of those that fail
// in every way there is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { admin, kAdminToken, place } from '../harness/administration.mjs';
import { selfSigned } from '../harness/certificates.mjs';
import { configFor, kOpenAiKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const kGood = 'sk-good-0123456789abcdef';
const kBad = 'sk-bad-0123456789abcdef';
const kHeader = 'a-value-that-nobody-may-read';
const kSteps = ['resolve_ms', 'connect_ms', 'proxy_ms', 'tls_ms', 'first_byte_ms', 'total_ms'];

/// A server on a free port, which ends with the file; its port.
function listen(server) {
  const sockets = new Set();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(server.address().port)),
  );
}

/// Takes kGood alone, and repeats what it is sent when it refuses.
function answer(request, response) {
  const key = request.headers.authorization ?? '';
  const good = key === `Bearer ${kGood}` && request.headers['x-team'] === kHeader;
  response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify(
      good
        ? { object: 'list', data: [{ id: 'one' }, { id: 'two' }] }
        : { error: { message: `Incorrect key: ${key},\n${request.headers['x-team']}` } },
    ),
  );
}

describe('a test of a provider', async () => {
  const right = selfSigned('right', 'DNS:localhost,IP:127.0.0.1');
  const wrong = selfSigned('wrong', 'DNS:elsewhere.test');
  const old = selfSigned('old', 'IP:127.0.0.1', { days: -1 });
  const secure = (pair) =>
    listen(
      https.createServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) }, answer),
    );
  const mock = await startMock();
  const plain = await listen(http.createServer(answer));
  const ports = {
    right: await secure(right),
    wrong: await secure(wrong),
    old: await secure(old),
    silent: await listen(net.createServer()),
    resets: await listen(
      net.createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
    ),
    garbage: await listen(net.createServer((socket) => socket.end('220 mail.example ESMTP\r\n'))),
    page: await listen(
      http.createServer((_, response) => response.end('<html>Log in here</html>')),
    ),
    missing: await listen(http.createServer((_, response) => response.writeHead(404).end('no'))),
    moved: await listen(
      http.createServer((_, response) =>
        response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
      ),
    ),
    proxy: await listen(
      http
        .createServer()
        .on('connect', (_, socket) => socket.end('HTTP/1.1 403 no\r\n\r\n')),
    ),
  };
  const gateway = await startGateway(configFor(mock.url, { auth: { admin_token: kAdminToken } }));

  const tried = async (name, body) => {
    const reply = await admin(gateway, 'POST', `providers/${name}/test`, body);
    const text = await reply.text();
    assert.equal(reply.status, 200, text);
    for (const secret of [kGood, kBad, kHeader]) assert.ok(!text.includes(secret), text);
    return JSON.parse(text);
  };
  // Long ones, so that a busy machine is not taken for a silent provider.
  const kPatient = { timeouts: { connect: '10s', first_token: '10s' } };
  const kHasty = { timeouts: { connect: '10s', first_token: '300ms' } };
  const add = async (name, fields) => {
    const reply = await admin(gateway, 'POST', 'providers', {
      name,
      type: 'openai_compatible',
      ...fields,
      settings: { ...kPatient, ...fields.settings },
    });
    assert.equal(reply.status, 201, await reply.text());
  };

  test('tells of one in the file that works, with the time of each step', async () => {
    const told = await tried('oa');
    assert.equal(told.ok, true, JSON.stringify(told));
    assert.equal(told.status, 200);
    assert.equal(told.asked, `GET ${mock.url}/v1/models`);
    assert.ok(told.models > 0);
    assert.deepEqual([told.problem, told.message, told.said], [null, null, null]);
    assert.deepEqual(Object.keys(told.timings), kSteps);
    for (const step of ['resolve_ms', 'connect_ms', 'first_byte_ms', 'total_ms']) {
      assert.equal(typeof told.timings[step], 'number', step);
    }
    assert.equal(told.timings.tls_ms, null);
    assert.equal(told.keys.length, 1);
    assert.equal(told.keys[0].prefix.slice(0, 6), kOpenAiKey.slice(0, 6));
  });

  test('asks a model for one token in every dialect', async () => {
    for (const [name, path] of [
      ['oa', '/v1/chat/completions'],
      ['an', '/v1/messages'],
    ]) {
      const told = await tried(name, { model: 'mock-c1' });
      assert.equal(told.ok, true, JSON.stringify(told));
      assert.equal(told.asked, `POST ${mock.url}${path}`);
      const [asked] = (await mock.requestsFor('mock-c1')).slice(-1);
      const body = JSON.parse(asked.body);
      assert.equal(body.max_completion_tokens ?? body.max_tokens, 1);
    }
    await add('ge', { type: 'gemini', base_url: mock.url, api_keys: [kGood] });
    const told = await tried('ge', { model: 'mock-c1' });
    assert.equal(told.ok, true, JSON.stringify(told));
    const refused = await tried('oa', { model: 'mock-e500' });
    assert.deepEqual([refused.ok, refused.problem, refused.status], [false, 'upstream_error', 500]);
  });

  test('says which of several keys is refused, in words without secrets', async () => {
    await add('keys', {
      base_url: `http://127.0.0.1:${plain}/v1`,
      api_keys: [kGood, kBad],
      headers: { 'x-team': kHeader },
    });
    const told = await tried('keys');
    assert.equal(told.ok, false);
    assert.deepEqual(
      told.keys.map((each) => [each.ok, each.status, each.problem]),
      [
        [true, 200, null],
        [false, 401, 'unauthorized'],
      ],
    );
    assert.equal(told.problem, 'unauthorized');
    assert.match(told.message, /^1 of 2 keys fail: the provider refuses this key/);
    assert.equal(told.keys[1].said, 'Incorrect key: Bearer ***, ***');
    const keys = await (await admin(gateway, 'GET', 'providers/keys/keys')).json();
    assert.deepEqual(
      told.keys.map((each) => each.id),
      keys.data.map((each) => each.id),
    );
  });

  test('trusts what ca_file has, and nothing else', async () => {
    const fields = { base_url: `https://127.0.0.1:${ports.right}/v1`, api_keys: [kGood] };
    const headers = { 'x-team': kHeader };
    await add('trusted', { ...fields, headers, settings: { ca_file: right.cert } });
    const told = await tried('trusted');
    assert.equal(told.ok, true, JSON.stringify(told));
    assert.equal(typeof told.timings.tls_ms, 'number');
    await add('untrusted', { ...fields, headers });
    assert.equal((await tried('untrusted')).problem, 'certificate_untrusted');
  });

  test('tells every way to fail from the others', async () => {
    const at = (port, scheme = 'http') => ({ base_url: `${scheme}://127.0.0.1:${port}/v1` });
    const ca = (pair) => ({ settings: { ca_file: pair.cert } });
    const nobody = net.createServer();
    const free = await new Promise((resolve) =>
      nobody.listen(0, '127.0.0.1', () => {
        const { port } = nobody.address();
        nobody.close(() => resolve(port));
      }),
    );
    const cases = {
      unknown_host: { base_url: 'http://nobody.invalid/v1' },
      unreachable: at(free),
      certificate_name: { ...at(ports.wrong, 'https'), ...ca(wrong) },
      certificate_expired: { ...at(ports.old, 'https'), ...ca(old) },
      tls: at(plain, 'https'),
      unauthorized: { ...at(plain), api_keys: [kBad] },
      not_found: at(ports.missing),
      redirected: at(ports.moved),
      timeout: { ...at(ports.silent), settings: kHasty },
      closed: at(ports.resets),
      garbage: at(ports.garbage),
      proxy: {
        ...at(ports.right, 'https'),
        settings: { proxy: `http://127.0.0.1:${ports.proxy}` },
      },
    };
    for (const [problem, fields] of Object.entries(cases)) {
      await add(`fails-${problem}`, fields);
      const told = await tried(`fails-${problem}`);
      assert.equal(told.ok, false, problem);
      assert.equal(told.problem, problem, JSON.stringify(told));
      assert.ok(told.message.length > 10, problem);
      assert.equal(typeof told.timings.total_ms, 'number');
    }
    await add('fails-page', at(ports.page));
    const page = await tried('fails-page');
    assert.deepEqual([page.problem, page.status], ['garbage', 200]);
    assert.equal(page.said, '<html>Log in here</html>');
    assert.match((await tried('fails-timeout')).message, /took the request and did not answer/);
    assert.equal((await tried('fails-unknown_host')).timings.resolve_ms, null);
    assert.equal((await tried('fails-unauthorized')).keys[0].said, 'Incorrect key: Bearer ***, undefined');
  });

  test('holds nothing up: many at once, while requests go on', async () => {
    await add('slow', { base_url: `http://127.0.0.1:${ports.silent}/v1`, settings: kHasty });
    const tests = Array.from({ length: 30 }, () => admin(gateway, 'POST', 'providers/slow/test'));
    const list = await admin(gateway, 'GET', 'providers');
    assert.equal(list.status, 200);
    const statuses = (await Promise.all(tests)).map((each) => each.status);
    assert.ok(statuses.includes(200));
    assert.ok(statuses.every((each) => each === 200 || each === 429), statuses.join());
    assert.ok(statuses.includes(429), 'what waits is bounded');
  });

  test('is noted in the audit log, and is for administrators', async () => {
    await tried('oa');
    const noted = await (
      await admin(gateway, 'GET', 'audit?target=oa&action=POST%20/api/admin/providers/%7Bid%7D/test')
    ).json();
    assert.ok(noted.data.length > 0);
    assert.equal(noted.data[0].after.ok, true);
    assert.ok(!JSON.stringify(noted).includes(kOpenAiKey));
    const stranger = await fetch(`${gateway.url}/api/admin/providers/oa/test`, { method: 'POST' });
    assert.equal(stranger.status, 401);
    assert.equal((await admin(gateway, 'POST', 'providers/nobody/test')).status, 404);
    assert.equal((await admin(gateway, 'POST', 'providers/oa/test', { modle: 'x' })).status, 400);
  });

  test('ends with the gateway', async () => {
    const silent = net.createServer();
    const port = await listen(silent);
    const asked = new Promise((resolve) =>
      silent.once('connection', (socket) => socket.once('data', resolve)),
    );
    const other = await startGateway(
      configFor(`http://127.0.0.1:${port}`, { auth: { admin_token: kAdminToken } }),
    );
    const answer = admin(other, 'POST', 'providers/oa/test');
    await asked;
    other.kill('SIGTERM');
    const told = await (await answer).json();
    assert.deepEqual([told.ok, told.problem], [false, 'stopped']);
    await other.stop();
  });
});

test('a shell tests a provider without a gateway', async () => {
  const mock = await startMock();
  const there = place(mock);
  const { code, stdout, stderr } = await there.sluice('provider', 'test', 'oa', '--json');
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).ok, true);
});
