// The agent beside an engine: what it reads, what it tells, to whom, and when.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import {
  recorded,
  startAgent,
  startEngine,
  startFakeGateway,
  startVllm,
} from '../harness/agent.mjs';
import { run, temporaryFolder } from '../harness/processes.mjs';

const folder = temporaryFolder();
const ready = (beat) => beat.state === 'ready';

describe('what is told of each engine', () => {
  const cases = {
    vllm: {
      pages: {
        '/metrics': recorded('vllm_metrics.txt'),
        '/v1/models': recorded('vllm_models.json'),
        '/version': recorded('vllm_version.json'),
      },
      told: {
        engine: 'vllm',
        engine_version: '0.33.0',
        supported: ['Qwen/Qwen3-32B', 'sql-lora'],
        active_tasks: 31,
        waiting_tasks: 3,
        kv_total_tokens: 320_000,
        kv_free_tokens: 200_000,
        max_tasks: undefined,
      },
    },
    sglang: {
      pages: {
        '/metrics': recorded('sglang_metrics.txt'),
        '/v1/models': '{"data":[{"id":"deepseek-ai/DeepSeek-V3","max_model_len":163840}]}',
        '/get_server_info': recorded('sglang_server_info.json'), // as older ones call it
      },
      told: {
        engine: 'sglang',
        engine_version: '0.5.4',
        active_tasks: 21,
        waiting_tasks: 5,
        max_tasks: 256,
        kv_total_tokens: 500_000,
        kv_free_tokens: 300_000,
      },
    },
    llamacpp: {
      pages: {
        '/metrics': recorded('llamacpp_metrics.txt'),
        '/slots': recorded('llamacpp_slots.json'),
        '/props': recorded('llamacpp_props.json'),
        '/v1/models': recorded('llamacpp_models.json'),
      },
      told: {
        engine: 'llamacpp',
        active_tasks: 2,
        waiting_tasks: 1,
        max_tasks: 2,
        kv_total_tokens: 4096,
        kv_free_tokens: 2722,
        models: [{ id: 'tiny-llama', loaded: true, max_len: 2048 }],
      },
    },
    ollama: {
      pages: {
        '/health': 404,
        '/api/version': '{"version":"0.12.9"}',
        '/api/tags': recorded('ollama_tags.json'),
        '/api/ps': recorded('ollama_ps.json'),
      },
      args: ['--vram', '24GiB'],
      told: {
        engine: 'ollama',
        engine_version: '0.12.9',
        supported: ['llama3.2:latest', 'llama3.2', 'qwen3:8b', 'gemma3:27b'],
        total_vram: 25_769_803_776,
        available_vram: 16_848_338_432,
        active_tasks: undefined,
      },
    },
    tgi: {
      pages: {
        '/metrics': recorded('tgi_metrics.txt'),
        '/info': recorded('tgi_info.json'),
      },
      told: {
        engine: 'tgi',
        active_tasks: 8,
        waiting_tasks: 5,
        max_tasks: 128,
        supported: ['HuggingFaceH4/zephyr-7b-beta'],
      },
    },
    openai: {
      pages: { '/health': 404, '/v1/models': '{"data":[{"id":"m","owned_by":"somebody"}]}' },
      args: ['--max-tasks', '3', '--fallback'],
      told: { engine: 'openai', supported: ['m'], max_tasks: 3, is_fallback: true },
    },
  };

  for (const [name, { pages, args = [], told }] of Object.entries(cases)) {
    for (const engine of [name, 'auto']) {
      test(`${name}, with --engine ${engine}`, async () => {
        const there = await startEngine(pages);
        const gateway = await startFakeGateway();
        const agent = startAgent([
          ...['--gateway', gateway.url, '--engine', engine, '--engine-url', there.url],
          ...['--endpoint', 'http://10.0.0.7:8000', ...args],
        ]);
        const beat = await gateway.first(ready);
        assert.equal(beat.worker_id, 'w');
        assert.equal(beat.endpoint, 'http://10.0.0.7:8000');
        for (const [field, value] of Object.entries(told)) {
          assert.deepEqual(beat[field], value, field);
        }
        await agent.stop();
      });
    }
  }
});

describe('when it is told', () => {
  test('at once when a count changes, however long the interval', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url, '--interval', '60s']);
    const first = await gateway.first((beat) => ready(beat) && beat.seq === 2);
    assert.equal(first.active_tasks, 0);
    engine.running = 5;
    engine.usage = 0.25;
    const changed = await gateway.next((beat) => beat.active_tasks === 5);
    assert.equal(changed.kv_free_tokens, 12_000);
    assert.ok(changed.seq > first.seq);
    assert.equal(changed.boot_id, first.boot_id);
    assert.equal(changed.interval_ms, 60_000);
  });

  test('in full once more when the gateway does not know the worker', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway({ answer: () => ({ known: false }) });
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url, '--interval', '60s']);
    const again = await gateway.first((beat) => beat.seq === 2);
    assert.deepEqual(again.supported, ['m']);
    // A gateway that never knows it is not flooded: the next one has its own reason.
    engine.waiting = 9;
    assert.equal((await gateway.first((beat) => beat.waiting_tasks === 9)).seq, 3);
  });

  test('again and again when nothing changes, as often as the gateway asks', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway({ answer: () => ({ next_interval_ms: 100 }) });
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    const beat = await gateway.first((each) => each.seq === 6);
    assert.equal(beat.interval_ms, 100);
  });

  test('with the time of the gateway, which may have another clock', async () => {
    const engine = await startVllm();
    const skewed = () => Date.now() / 1000 + 3600;
    const gateway = await startFakeGateway({
      answer: () => ({ gw_time: skewed(), next_interval_ms: 100 }),
    });
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    assert.equal((await gateway.first((beat) => beat.seq === 1)).sample_at, undefined);
    const beat = await gateway.first((each) => each.seq === 3);
    assert.ok(Math.abs(beat.sample_at - skewed()) < 60, `${beat.sample_at}`);
  });
});

describe('the life of an engine', () => {
  test('starting, ready, gone, and back as another', async () => {
    const engine = await startVllm();
    engine.pages['/health'] = 503;
    const gateway = await startFakeGateway();
    const agent = startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    await gateway.first((beat) => beat.state === 'starting');
    await agent.stdout.first(/the engine takes no requests.*503/);
    engine.pages['/health'] = '';
    const first = await gateway.first(ready);
    assert.equal(first.active_tasks, 0);

    await engine.close();
    const gone = await gateway.next((beat) => beat.state === 'starting');
    assert.equal(gone.active_tasks, undefined); // not known is not zero
    await agent.stdout.first(/the engine does not answer.*refused/);
    await engine.listen();
    const second = await gateway.next(ready);
    assert.notEqual(second.boot_id, first.boot_id);
  });

  test('a restart between two looks shows in its counters and in its start time', async () => {
    const engine = await startVllm();
    engine.tokens = 1000;
    const gateway = await startFakeGateway();
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    const first = await gateway.first(ready);
    engine.tokens = 10;
    const second = await gateway.next((beat) => beat.boot_id !== first.boot_id);
    engine.started += 100;
    await gateway.next((beat) => ready(beat) && beat.boot_id !== second.boot_id);
  });

  test('one that does not tell its load says how it would', async () => {
    const engine = await startEngine({
      '/metrics': 501,
      '/slots': recorded('llamacpp_slots.json'),
      '/props': recorded('llamacpp_props.json'),
      '/v1/models': recorded('llamacpp_models.json'),
    });
    const gateway = await startFakeGateway();
    const agent = startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    const beat = await gateway.first(ready);
    assert.equal(beat.active_tasks, 2); // by its slots
    await agent.stdout.first(/start llama-server with --metrics/);
  });

  test('a page that has moved behind a slash is found', async () => {
    const engine = await startVllm();
    engine.pages['/metrics/'] = engine.pages['/metrics'];
    engine.pages['/metrics'] = 307;
    engine.running = 4;
    const gateway = await startFakeGateway();
    startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    assert.equal((await gateway.first(ready)).active_tasks, 4);
  });

  test('one that nobody knows is said to be unknown', async () => {
    const engine = await startEngine({});
    const gateway = await startFakeGateway();
    const agent = startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    await agent.stdout.first(/cannot be found out: say it with --engine.*404/);
    assert.equal((await gateway.first(() => true)).state, 'starting');
  });

  test('pages that are no pages do no harm', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    const agent = startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    await gateway.first(ready);
    const good = engine.pages['/metrics'];
    for (const bad of ['<html>\n', '\u0000\n', 'x'.repeat(5 << 20), 'vllm:num_requests_running']) {
      engine.pages['/metrics'] = bad;
      const asked = engine.asked.length;
      while (engine.asked.length < asked + 3) {
        await new Promise((resolve) => engine.server.once('request', resolve));
      }
    }
    engine.running = 77;
    engine.pages['/metrics'] = good;
    await gateway.next((beat) => ready(beat) && beat.active_tasks === 77);
    await agent.stdout.first(/the engine is not understood/);
    await agent.stop();
  });

  test('SIGTERM: the last word is that it drains', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    const agent = startAgent(['--gateway', gateway.url, '--engine-url', engine.url]);
    await gateway.first(ready);
    await agent.stop(); // which expects status 0
    assert.equal(gateway.beats.at(-1).state, 'draining');
  });

  test('SIGTERM with a gateway that does not answer ends it, too', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    const agent = startAgent([
      ...['--gateway', 'http://127.0.0.1:1', '--gateway', gateway.url],
      ...['--engine-url', engine.url],
    ]);
    await gateway.first(ready);
    await agent.stop();
    assert.equal(gateway.beats.at(-1).state, 'draining');
  });
});

describe('gateways', () => {
  test('one that is away disturbs no other, and is told when it comes', async () => {
    const engine = await startVllm();
    const near = await startFakeGateway();
    const away = await startFakeGateway();
    await away.close();
    const agent = startAgent([
      ...['--gateway', away.url, '--gateway', near.url, '--engine-url', engine.url],
      ...['--interval', '200ms'],
    ]);
    await agent.stdout.first(/the gateway is not told.*refused/);
    await near.first((beat) => beat.seq === 4);
    assert.equal(away.beats.length, 0);
    await away.listen();
    assert.equal((await away.first(ready)).worker_id, 'w');

    // It goes and comes again.
    await away.close();
    await agent.stdout.first(/the gateway is not told.*refused/, {
      from: agent.stdout.seen.length,
    });
    const before = away.beats.length;
    await away.listen();
    await away.first(ready, { from: before });
    await agent.stdout.first(/the gateway is back/);
  });

  test('a token is presented, from a file or the environment', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    const file = path.join(folder, 'token');
    writeFileSync(file, 'token-of-the-file\n');
    const args = ['--gateway', gateway.url, '--engine-url', engine.url, '--once'];
    const env = { SLUICE_WORKER_TOKEN: 'token-of-the-environment' };
    assert.equal((await run(['agent', ...args], { env })).code, 0);
    assert.equal(
      (await run(['agent', ...args, '--token-file', file], { env })).code,
      0,
    );
    assert.deepEqual(
      gateway.requests.map((each) => each.headers.authorization),
      ['Bearer token-of-the-environment', 'Bearer token-of-the-file'],
    );
  });

  test('a refusal is told clearly, once, and without the token', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway({
      answer: () => ({ status: 401, body: { error: { message: 'no such token' } } }),
    });
    const agent = startAgent(
      ['--gateway', gateway.url, '--engine-url', engine.url, '--interval', '100ms'],
      { env: { SLUICE_WORKER_TOKEN: 'secret-of-workers' } },
    );
    await agent.stdout.first(/refuses the token.*workers\.token.*no such token/);
    await gateway.first((beat) => beat.seq === 3);
    await agent.stop();
    assert.equal(agent.stdout.text.match(/refuses the token/g).length, 1);
    assert.doesNotMatch(agent.stdout.text + agent.stderr.text, /secret-of-workers/);
  });

  test('over TLS, which is verified', async () => {
    const [key, cert] = ['gw.key', 'gw.crt'].map((name) => path.join(folder, name));
    execFileSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-days', '2', '-keyout', key, '-out', cert, '-subj', '/CN=gw'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
    ], { stdio: 'pipe' });
    const engine = await startVllm();
    const gateway = await startFakeGateway({
      tls: { key: readFileSync(key), cert: readFileSync(cert) },
    });
    const args = ['agent', '--gateway', gateway.url, '--engine-url', engine.url, '--once'];
    const distrusted = await run(args);
    assert.equal(distrusted.code, 1);
    assert.match(distrusted.stdout, /certificate/);
    assert.equal((await run([...args, '--ca-file', cert])).code, 0);
    assert.equal(gateway.beats.length, 1);
  });
});

describe('the command', () => {
  test('--once --print without a gateway shows what would be told', async () => {
    const engine = await startVllm();
    const { code, stdout, stderr } = await run([
      ...['agent', '--once', '--print', '--id', 'w', '--engine-url', engine.url],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).worker_id, 'w');
    assert.match(stderr, /give --max-tasks/);
  });

  test('wrong usage is one clear line and status 2', async () => {
    for (const [args, message] of [
      [[], /--gateway is missing/],
      [['--gateway', 'gw:8080'], /--gateway: .*http/],
      [['--gateway', 'http://gw', '--interval', '5'], /--interval/],
      [['--gateway', 'http://gw', '--max-tasks', '0'], /--max-tasks/],
      [['--gateway', 'http://gw', '--engine', 'vlm'], /did you mean vllm\?/],
      [['--gateway', 'http://gw', '--token-file', 'nowhere'], /--token-file: .*No such file/],
      [['--gateway', 'http://gw', '--frobnicate'], /frobnicate/],
    ]) {
      const { code, stdout, stderr } = await run(['agent', ...args]);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.equal(stdout.trim(), '');
    }
  });

  test('--config has the token and the key', async () => {
    const engine = await startVllm();
    const gateway = await startFakeGateway();
    const file = path.join(folder, 'gateway.yaml');
    writeFileSync(file, 'workers: { token: of-the-gateway, api_key: of-the-engine }\n');
    const { code, stderr } = await run([
      ...['agent', '--config', file, '--gateway', gateway.url, '--engine-url', engine.url],
      '--once',
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(gateway.requests[0].headers.authorization, 'Bearer of-the-gateway');
    assert.equal(engine.asked[0].headers.authorization, 'Bearer of-the-engine');
  });
});
