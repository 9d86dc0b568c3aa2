// The agent and the gateway itself: a worker that announces itself is used, and the gateway knows
// when it is not to be used any more.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startAgent, startVllm } from '../harness/agent.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { workerIs } from '../harness/workers.mjs';

const kModel = 'mock-c3';
const kToken = 'token-of-all-workers';

/// Of a gateway without any provider: who answers is a worker.
const config = (changes = {}) => configFor('http://127.0.0.1:1', { providers: [], ...changes });

const argsFor = (gateway, engine, mock, more = []) => [
  ...['--gateway', gateway.url, '--engine-url', engine.url, '--models', kModel],
  ...['--endpoint', mock.url, '--max-tasks', '4', ...more],
];

async function ask(gateway, headers = {}) {
  const answer = await gateway.post(
    '/v1/chat/completions',
    { model: kModel, messages: [{ role: 'user', content: 'hello' }] },
    headers,
  );
  return { status: answer.status, headers: answer.headers, body: await answer.json() };
}

describe('an agent and a gateway', async () => {
  const mock = await startMock();

  test('registered, routable, and asked', async () => {
    const engine = await startVllm();
    const gateway = await startGateway(config());
    startAgent(argsFor(gateway, engine, mock));
    const worker = await workerIs(gateway, 'w', { routable: true });
    assert.equal(worker.state, 'ready');
    const { status, body } = await ask(gateway);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.choices[0].message.role, 'assistant');
    assert.equal((await mock.requestsFor(kModel)).length, 1);
  });

  test('what changes at the engine is known at once', async () => {
    const engine = await startVllm();
    const gateway = await startGateway(config());
    startAgent(argsFor(gateway, engine, mock, ['--interval', '60s']));
    await workerIs(gateway, 'w', { routable: true });
    engine.running = 3;
    await workerIs(gateway, 'w', { active_tasks: 3 });
    engine.running = 0;
    await workerIs(gateway, 'w', { active_tasks: 0 });
    await engine.close();
    await workerIs(gateway, 'w', { routable: false, state: 'starting' });
  });

  test('the agent may be there first', async () => {
    const engine = await startVllm();
    const first = await startGateway(config());
    await first.stop();
    const agent = startAgent(argsFor(first, engine, mock, ['--interval', '500ms']));
    await agent.stdout.first(/the gateway is not told.*refused/);
    const gateway = await startGateway(
      config({ server: { port: first.port, drain_min: '0s', drain_max: '10s' } }),
    );
    await workerIs(gateway, 'w', { routable: true });
    assert.equal((await ask(gateway)).status, 200);
  });

  test('a gateway that restarts knows the worker again', async () => {
    const engine = await startVllm();
    const before = await startGateway(config());
    const agent = startAgent(argsFor(before, engine, mock, ['--interval', '500ms']));
    await workerIs(before, 'w', { routable: true });
    await before.stop();
    const gateway = await startGateway(
      config({ server: { port: before.port, drain_min: '0s', drain_max: '10s' } }),
    );
    await workerIs(gateway, 'w', { routable: true });
    assert.equal((await ask(gateway)).status, 200);
    await agent.stop();
  });

  test('SIGTERM drains the worker', async () => {
    const engine = await startVllm();
    const gateway = await startGateway(config());
    const agent = startAgent(argsFor(gateway, engine, mock));
    await workerIs(gateway, 'w', { routable: true });
    await agent.stop();
    await workerIs(gateway, 'w', { routable: false, state: 'draining' });
    assert.notEqual((await ask(gateway)).status, 200);
  });

  test('a wrong token is told to whoever reads the log, and the right one opens', async () => {
    const engine = await startVllm();
    const gateway = await startGateway(config({ workers: { token: kToken } }));
    const without = startAgent(argsFor(gateway, engine, mock));
    await without.stdout.first(/the gateway wants a token.*--token-file/);
    const wrong = startAgent(argsFor(gateway, engine, mock), {
      env: { SLUICE_WORKER_TOKEN: 'another-token' },
    });
    await wrong.stdout.first(/refuses the token: it must be its workers\.token/);
    const right = startAgent(argsFor(gateway, engine, mock), {
      env: { SLUICE_WORKER_TOKEN: kToken },
    });
    await right.stdout.first(/registered/);
    await workerIs(gateway, 'w', { routable: true });
    assert.doesNotMatch(right.stdout.text, new RegExp(kToken));
  });
});
