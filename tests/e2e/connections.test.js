// Connections to upstreams: which are kept, which are given up, and what that costs.
import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { json, oa, startUpstream } from '../harness/upstream.mjs';

const upstream = await startUpstream();
const whole = ({ socket }) => socket.write(json(200, oa.whole('good')));

test('an upstream where nothing listens is a 502 in either dialect', async () => {
  const nowhere = await startGateway(
    configFor('http://127.0.0.1:1', { routing: { retry: { attempts: 1 } } }),
  );
  const oaAnswer = await nowhere.post('/v1/chat/completions', chat('m'));
  assert.equal(oaAnswer.status, 502);
  assert.equal((await oaAnswer.json()).error.code, 'upstream_unreachable');
  const anAnswer = await nowhere.post('/v1/messages', message('m'));
  assert.equal(anAnswer.status, 502);
  assert.equal((await anAnswer.json()).error.type, 'api_error');
});

test('no connection is kept where none may be', async () => {
  const config = configFor(upstream.url);
  config.providers[0].pool = { max_idle: 0 };
  const gateway = await startGateway(config);
  const model = upstream.on('once', whole);
  const connections = upstream.connections;
  for (let i = 0; i < 3; ++i)
    await (await gateway.post('/v1/chat/completions', chat(model))).text();
  assert.equal(upstream.connections, connections + 3);
});

const keeping = await startGateway(configFor(upstream.url));

test('connections are kept for the next request', async () => {
  const model = upstream.on('again', whole);
  const connections = upstream.connections;
  for (let i = 0; i < 8; ++i)
    await (await keeping.post('/v1/chat/completions', chat(model))).text();
  // Each of the event loops has its own.
  assert.ok(upstream.connections - connections <= os.availableParallelism());
});

test('a connection that the upstream closed while it was idle costs no attempt', async () => {
  const model = upstream.on('idle', [
    ({ socket }) => socket.end(json(200, oa.whole('first'))), // closes behind a keep-alive answer
    ({ socket }) => socket.write(json(200, oa.whole('second'))),
  ]);
  for (const text of ['first', 'second', 'second']) {
    const answer = await keeping.post('/v1/chat/completions', chat(model));
    assert.equal((await answer.json()).choices[0].message.content, text);
    assert.equal(answer.headers.get('x-sluice-attempts'), '1');
  }
});

test('a reused connection that is closed under the request is replaced, and costs no attempt', async () => {
  const kept = ({ socket }) => socket.write(json(200, oa.whole('kept')));
  const closed = ({ socket }) => socket.destroy();
  // One connection a loop may be waiting: enough requests to meet a reused one.
  const model = upstream.on('stale', [kept, kept, kept, closed, kept]);
  for (let i = 0; i < 4; ++i) {
    const answer = await keeping.post('/v1/chat/completions', chat(model));
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).choices[0].message.content, 'kept');
    assert.equal(answer.headers.get('x-sluice-attempts'), '1');
  }
  assert.equal(upstream.of(model).length, 5);
});

test('what an upstream sends after its answer is not the next answer', async () => {
  const model = upstream.on('extra', ({ socket, attempt }) =>
    socket.write(
      Buffer.concat([json(200, oa.whole(`answer ${attempt}`)), json(200, oa.whole('smuggled'))]),
    ),
  );
  for (let i = 1; i <= 3; ++i) {
    const answer = await keeping.post('/v1/chat/completions', chat(model));
    assert.equal((await answer.json()).choices[0].message.content, `answer ${i}`);
  }
});
