// Draining and reloading, both with streams running.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { chat, message } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, temporaryFolder, writeConfig } from '../harness/processes.mjs';
import { connect, events, request } from '../harness/raw.mjs';
import { until } from '../harness/until.mjs';
import { chunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();

/// A stream that runs: content has come.
async function streaming(
  gateway,
  model,
  { path: route = '/v1/chat/completions', key = kClientKey } = {},
) {
  const connection = await connect(gateway.port);
  const body = JSON.stringify((route === '/v1/messages' ? message : chat)(model, { stream: true }));
  connection.write(request('POST', route, [['Authorization', `Bearer ${key}`]], body));
  // The first content; what comes before it is held until then.
  await connection.contains('HTTP/1.1 200');
  return connection;
}

function texts(response) {
  return events(response.text).filter((event) => event.json?.choices?.[0]?.delta?.content).length;
}

describe('SIGTERM', { concurrency: 4 }, () => {
  test('lets streams finish, answers 503 on /ready, refuses new connections, and exits with 0', async () => {
    const server = { drain_min: '1500ms', drain_max: '20s' };
    const gateway = await startGateway(configFor(mock.url, { server }));
    const idle = await connect(gateway.port);
    const live = await streaming(gateway, 'mock-c60-i50');
    gateway.kill('SIGTERM');
    await gateway.stdout.first(/"event":"draining"/);
    // Load balancers get the time to notice: requests are served meanwhile.
    const ready = await gateway.get('/ready');
    assert.equal(ready.status, 503);
    assert.deepEqual((await ready.json()).reasons, ['draining']);
    assert.equal((await gateway.get('/health')).status, 200);
    const late = await gateway.post('/v1/chat/completions', chat('mock-c2'));
    assert.equal(late.status, 200);
    await until('new connections to be refused', async () => {
      try {
        (await connect(gateway.port)).end();
        return { done: false };
      } catch (error) {
        return { done: true, value: error.code };
      }
    });
    const response = await live.response();
    assert.equal(texts(response), 60);
    assert.match(response.text, /\[DONE\]/);
    assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
    idle.end();
    live.end();
  });

  test('ends streams that run too long with the error frame of their dialect', async () => {
    const gateway = await startGateway(configFor(mock.url, { server: { drain_max: '300ms' } }));
    const model = 'mock-c100000-i20';
    const chats = await streaming(gateway, model);
    const messages = await streaming(gateway, model, { path: '/v1/messages' });
    const waiting = gateway.post('/v1/chat/completions', chat('mock-c5-f600000', { stream: true }));
    await mock.countsOf('mock-c5-f600000', { requests: 1 });
    gateway.kill('SIGTERM');
    const chatEvents = events((await chats.response()).text);
    assert.equal(chatEvents.at(-1).json.error.code, 'server_draining');
    assert.ok(!chatEvents.some((event) => event.data === '[DONE]'));
    const messageEvents = events((await messages.response()).text);
    assert.equal(messageEvents.at(-1).event, 'error');
    assert.equal(messageEvents.at(-1).json.error.details.error_code, 'server_draining');
    assert.ok(!messageEvents.some((event) => event.event === 'message_stop'));
    const refused = await waiting;
    assert.equal(refused.status, 503);
    assert.equal((await refused.json()).error.code, 'server_draining');
    assert.ok(refused.headers.get('retry-after'));
    assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
    await mock.abortOf(model);
    await mock.abortOf('mock-c5-f600000');
  });

  test('a second time ends streams at once, still with their error frame', async () => {
    const server = { drain_min: '60s', drain_max: '100s' };
    const gateway = await startGateway(configFor(mock.url, { server }));
    const live = await streaming(gateway, 'mock-c100000-i21');
    gateway.kill('SIGTERM');
    await gateway.stdout.first(/"event":"draining"/);
    const begun = performance.now();
    gateway.kill('SIGINT');
    const last = events((await live.response()).text).at(-1);
    assert.equal(last.json.error.code, 'server_draining');
    assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
    assert.ok(performance.now() - begun < 20_000);
  });

  test('tells even a client that is slow to read', async () => {
    const upstream = await startUpstream();
    const model = upstream.on('huge', ({ socket }) => {
      socket.write(kStreamHead + chunk(oa.role() + oa.text('x')));
      const more = () => {
        while (socket.write(chunk(oa.text(' word'.repeat(13_000)))));
      };
      socket.on('drain', more);
      more();
    });
    const server = { drain_max: '200ms' };
    const gateway = await startGateway(configFor(upstream.url, { server }));
    const live = await streaming(gateway, model);
    live.socket.pause();
    gateway.kill('SIGTERM');
    await gateway.stdout.first(/"event":"closing what still runs"/);
    live.socket.resume();
    const response = await live.response();
    assert.ok(response.complete);
    assert.match(response.text, /server_draining[^\n]*\n\n$/);
    assert.ok(!response.text.includes('HTTP/1.1'));
    assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
  });

  test('without any request ends at once', async () => {
    const gateway = await startGateway(configFor(mock.url, { server: { drain_max: '60s' } }));
    const idle = await connect(gateway.port);
    await (await gateway.get('/health')).text();
    gateway.kill('SIGINT');
    const begun = performance.now();
    assert.deepEqual(await gateway.expectEnd(), { code: 0, signal: null });
    assert.ok(performance.now() - begun < 20_000);
    idle.end();
  });
});

describe('SIGHUP', { concurrency: 4 }, () => {
  test('takes new keys and drops old ones, while streams run on', async () => {
    const steady = [
      { key: 'sk-kept-0001', name: 'one' },
      { key: 'sk-kept-0002', name: 'two' },
    ];
    const config = configFor(mock.url);
    const gateway = await startGateway({
      ...config,
      keys: [...config.keys, ...steady],
    });
    const live = await streaming(gateway, 'mock-c60-i20');
    let stop = false;
    let served = 0;
    const load = Array.from({ length: 4 }, async (_, i) => {
      while (!stop) {
        const headers = { authorization: `Bearer ${steady[i % 2].key}` };
        const answer = await gateway.post('/v1/chat/completions', chat('mock-c2'), headers);
        assert.equal(answer.status, 200);
        assert.ok((await answer.json()).choices[0].message.content);
        ++served;
      }
    });
    for (let i = 0; i < 5; ++i) {
      const keys = [...steady, { key: `sk-new-${i}0000`, name: 'new' }];
      assert.ok(await gateway.reload({ ...config, keys }));
    }
    stop = true;
    await Promise.all(load);
    assert.ok(served > 0);

    const status = async (key) => {
      const headers = { authorization: `Bearer ${key}` };
      return (await gateway.post('/v1/chat/completions', chat('mock-c1'), headers)).status;
    };
    await until('the new key to work on every loop', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => status('sk-new-40000')));
      return { done: all.every((each) => each === 200), value: all };
    });
    assert.equal(await status(kClientKey), 401);
    assert.equal(await status('sk-new-00000'), 401);
    // It began with a key that is gone by now.
    const response = await live.response();
    assert.equal(texts(response), 60);
    assert.match(response.text, /\[DONE\]/);
    live.end();
  });

  test('changes nothing when the file is invalid, and says what is wrong', async () => {
    const config = configFor(mock.url);
    const gateway = await startGateway(config);
    const faults = [
      [{ ...config, key: [] }, /gateway\.yaml:\d+:\d+: .*key/],
      [{ ...config, logging: { level: 'loud' } }, /gateway\.yaml:\d+:\d+: .*logging\.level/],
      ['providers: [', /gateway\.yaml:\d+/],
      [
        {
          ...config,
          providers: [
            {
              name: 'x',
              type: 'openai',
              base_url: 'https://x',
              ca_file: '/no/such',
            },
          ],
        },
        /no\/such/,
      ],
    ];
    for (const [broken, reason] of faults) {
      const from = gateway.stdout.seen.length;
      assert.equal(await gateway.reload(broken), false);
      const line = JSON.parse(await gateway.stdout.first(/"event":"reload refused/, { from }));
      assert.equal(line.level, 'error');
      assert.match(line.reason, reason);
      assert.equal((await gateway.post('/v1/chat/completions', chat('mock-c1'))).status, 200);
    }
    assert.ok(await gateway.reload(config));
  });

  test('takes new providers, rules and limits', async () => {
    const config = configFor(mock.url);
    const gateway = await startGateway(config);
    assert.ok(
      await gateway.reload({
        ...config,
        server: { ...config.server, max_body: '1KiB' },
        providers: [{ ...config.providers[0], name: 'renamed' }],
        routing: {
          rules: [
            {
              type: 'exact',
              pattern: 'mine',
              target: 'renamed',
              model: 'mock-c3',
            },
          ],
        },
      }),
    );
    await until('the rule to hold', async () => {
      const answer = await gateway.post('/v1/chat/completions', chat('mine'));
      const name = answer.headers.get('x-sluice-provider');
      return { done: name === 'renamed', value: name };
    });
    await until('the limit to hold', async () => {
      const request = chat('mine', { user: 'x'.repeat(2000) });
      const { status } = await gateway.post('/v1/chat/completions', request);
      return { done: status === 413, value: status };
    });
  });
});

test('two processes serve one port, and one can go', async () => {
  const first = await startGateway(configFor(mock.url));
  const config = configFor(mock.url, { server: { port: first.port } });
  const second = await startGateway(config);
  assert.equal(second.port, first.port);
  // Connections are spread by their addresses: some go to each.
  const ask = async () => {
    const close = { connection: 'close' };
    const answer = await first.post('/v1/chat/completions', chat('mock-c1'), close);
    assert.equal(answer.status, 200);
    await answer.text();
  };
  await Promise.all(Array.from({ length: 40 }, ask));
  const lines = (gateway) =>
    gateway.stdout.seen.filter((line) => line.includes('"event":"request"')).length;
  await until('40 log lines', async () => {
    const value = [lines(first), lines(second)];
    return { done: value[0] + value[1] === 40, value };
  });
  assert.ok(lines(first) > 0 && lines(second) > 0);
  await second.stop();
  await Promise.all(Array.from({ length: 10 }, ask));
});

test('a port that is taken by another program ends the start with a clear line', async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  const config = configFor(mock.url, { server: { port } });
  const file = writeConfig(path.join(temporaryFolder(), 'gateway.yaml'), config);
  const { code, stderr } = await run(['serve', '--config', file]);
  server.close();
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`${port}`));
  assert.equal(stderr.trim().split('\n').length, 1);
});
