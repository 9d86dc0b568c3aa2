// Health, metrics, the live board, CORS.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const mock = await startMock();
const gateway = await startGateway(
  configFor(mock.url, { models: [{ name: 'mock-c7' }, { name: 'mock-e500' }] }),
);

/// Prometheus' text format: {name: {type, samples: [{name, labels, value}]}}. Fails on what is not.
function parseMetrics(text) {
  assert.ok(text.endsWith('\n'));
  const families = {};
  let family;
  for (const line of text.trimEnd().split('\n')) {
    const meta = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (meta) {
      family = families[meta[2]] ??= { samples: [] };
      family[meta[1].toLowerCase()] = meta[3];
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+0-9.eE]+|[+-]Inf|NaN)$/.exec(line);
    assert.ok(sample, `not a sample: ${line}`);
    const labels = {};
    for (const [, name, value] of (sample[2] ?? '').matchAll(
      /([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)/g,
    )) {
      labels[name] = value;
    }
    const base = sample[1].replace(/_(bucket|sum|count)$/, '');
    const owner = families[sample[1]] ?? families[base];
    assert.ok(owner?.type && owner.help, `${sample[1]} has no TYPE and HELP`);
    owner.samples.push({ name: sample[1], labels, value: Number(sample[3]) });
  }
  return families;
}

async function metrics() {
  return parseMetrics(await (await gateway.get('/metrics')).text());
}

/// The sum of the samples with these labels.
function total(families, name, labels = {}) {
  const samples =
    families[name.replace(/_(bucket|sum|count)$/, '')]?.samples ?? families[name].samples;
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) =>
      Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, sample) => sum + sample.value, 0);
}

describe('health', () => {
  test('is told with a version and a time', async () => {
    const answer = await gateway.get('/health');
    assert.equal(answer.status, 200);
    const body = await answer.json();
    assert.equal(body.status, 'healthy');
    assert.match(body.version, /^\d+\.\d+\.\d+/);
    assert.ok(Math.abs(Date.parse(body.timestamp) - Date.now()) < 60_000);
  });

  test('is ready once it serves', async () => {
    assert.equal((await gateway.get('/ready')).status, 200);
  });

  test('answers HEAD without a body', async () => {
    for (const route of ['/api/hello', '/health', '/ready', '/metrics']) {
      const answer = await fetch(gateway.url + route, { method: 'HEAD' });
      assert.equal(answer.status, 200, route);
      assert.equal(await answer.text(), '');
    }
  });
});

describe('metrics', () => {
  test('are Prometheus text with all of the documented names', async () => {
    await openai(gateway).chat.completions.create(chat('mock-c7'));
    await all(await openai(gateway).chat.completions.create(chat('mock-c7', { stream: true })));
    const answer = await gateway.get('/metrics');
    assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
    const families = parseMetrics(await answer.text());
    const names = {
      gateway_requests_total: 'counter',
      gateway_request_duration_seconds: 'histogram',
      gateway_time_to_first_token_seconds: 'histogram',
      gateway_inter_token_seconds: 'histogram',
      gateway_overhead_seconds: 'histogram',
      gateway_tokens_total: 'counter',
      gateway_active_streams: 'gauge',
      gateway_upstream_cancels_total: 'counter',
      gateway_build_info: 'gauge',
      process_cpu_seconds_total: 'counter',
      process_resident_memory_bytes: 'gauge',
      process_open_fds: 'gauge',
    };
    for (const [name, type] of Object.entries(names))
      assert.equal(families[name]?.type, type, name);
  });

  test('have histograms that add up', async () => {
    await openai(gateway).chat.completions.create(chat('mock-c7'));
    const families = await metrics();
    const { samples } = families.gateway_request_duration_seconds;
    const buckets = samples.filter(
      ({ name, labels }) => name.endsWith('_bucket') && labels.model === 'mock-c7',
    );
    for (let i = 1; i < buckets.length; ++i) assert.ok(buckets[i].value >= buckets[i - 1].value);
    assert.equal(buckets.at(-1).labels.le, '+Inf');
    const count = total(families, 'gateway_request_duration_seconds_count', { model: 'mock-c7' });
    assert.equal(buckets.at(-1).value, count);
    assert.equal(count, total(families, 'gateway_requests_total', { model: 'mock-c7' }));
  });

  test('move with the traffic', async () => {
    const before = await metrics();
    await all(await openai(gateway).chat.completions.create(chat('mock-c7', { stream: true })));
    await anthropic(gateway).messages.create(message('mock-c7'));
    await gateway.post('/v1/chat/completions', chat('mock-e500'));
    await gateway.post('/v1/chat/completions', '{');
    const after = await metrics();
    const moved = (name, labels) => total(after, name, labels) - total(before, name, labels);
    const oa = {
      route: '/v1/chat/completions',
      dialect: 'openai',
      provider: 'oa',
      model: 'mock-c7',
      status: '200',
    };
    assert.equal(moved('gateway_requests_total', oa), 1);
    assert.equal(moved('gateway_requests_total', { provider: 'an', dialect: 'anthropic' }), 1);
    assert.equal(moved('gateway_requests_total', { model: 'mock-e500', status: '502' }), 1);
    assert.equal(moved('gateway_requests_total', { status: '400' }), 1);
    assert.equal(moved('gateway_time_to_first_token_seconds_count', { provider: 'oa' }), 1);
    assert.equal(moved('gateway_inter_token_seconds_count', { provider: 'oa' }), 6);
    assert.equal(moved('gateway_tokens_total', { direction: 'output' }), 14);
    assert.ok(moved('gateway_tokens_total', { direction: 'input' }) > 0);
    assert.equal(moved('gateway_retries_total', {}), 1);
  });

  test('know models that are not configured as one', async () => {
    await openai(gateway).chat.completions.create(chat('mock-c3-b17'));
    const text = await (await gateway.get('/metrics')).text();
    assert.ok(!text.includes('mock-c3-b17'));
    assert.ok(text.includes('model="other"'));
    assert.ok(!text.includes('tester') && !text.includes(kClientKey));
  });

  test('count live streams, and those whose clients leave', async () => {
    const before = total(await metrics(), 'gateway_upstream_cancels_total');
    const stream = await openai(gateway).chat.completions.create(
      chat('mock-c1000-i20', { stream: true }),
    );
    for await (const chunk of stream) {
      if (!chunk.choices[0].delta.content) continue;
      assert.equal(total(await metrics(), 'gateway_active_streams'), 1);
      break;
    }
    await until('the cancelled stream to be counted', async () => {
      const families = await metrics();
      const value = [
        total(families, 'gateway_upstream_cancels_total') - before,
        total(families, 'gateway_active_streams'),
      ];
      return { done: value[0] === 1 && value[1] === 0, value };
    });
  });

  test('are JSON on request', async () => {
    const answer = await gateway.get('/metrics', { accept: 'application/json' });
    const body = await answer.json();
    for (const name of [
      'requests_per_second',
      'cpu_percent',
      'active_connections',
      'goroutines',
      'uptime_seconds',
    ]) {
      assert.equal(typeof body[name], 'number', name);
    }
    for (const name of ['avg', 'max', 'p95', 'p99'])
      assert.ok(body.response_time_ms[name] >= 0, name);
    assert.ok(body.error_rate['4xx'] >= 0 && body.error_rate['5xx'] <= 1);
    assert.ok(body.network_bytes.sent > 0 && body.network_bytes.received > 0);
    assert.ok(body.total_requests > 0);
  });

  test('can be on a port and path of their own, or off', async () => {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    const apart = await startGateway(configFor(mock.url, { metrics: { port, path: '/numbers' } }));
    const numbers = await fetch(`http://127.0.0.1:${port}/numbers`);
    assert.equal(numbers.status, 200);
    parseMetrics(await numbers.text());
    assert.equal((await fetch(`http://127.0.0.1:${port}/v1/models`)).status, 404);
    assert.equal((await apart.get('/numbers')).status, 404);
    assert.equal((await apart.get('/metrics')).status, 404);
    const off = await startGateway(configFor(mock.url, { metrics: { enabled: false } }));
    assert.equal((await off.get('/metrics')).status, 404);
  });
});

describe('the live board', () => {
  test('shows what runs, and what has ended', async () => {
    const model = 'mock-c1000-i21';
    const stream = await openai(gateway).chat.completions.create(chat(model, { stream: true }), {
      headers: { 'x-request-id': 'live-1' },
    });
    for await (const chunk of stream) {
      if (!chunk.choices[0].delta.content) continue;
      const board = await (await gateway.get('/api/live')).json();
      const [running] = board.running.filter((each) => each.id === 'live-1');
      assert.equal(board.running_total, board.running.length);
      assert.equal(running.state, 'streaming');
      assert.equal(running.provider, 'oa');
      assert.equal(running.model, model);
      assert.equal(running.key, 'tester');
      assert.equal(running.stream, true);
      assert.equal(running.attempts, 1);
      assert.ok(running.events >= 1);
      break;
    }
    await until('the stream to have ended', async () => {
      const board = await (await gateway.get('/api/live')).json();
      const ended = board.recent.find((each) => each.id === 'live-1');
      return { done: ended !== undefined && ended.error === 'client_gone', value: ended };
    });
    await openai(gateway).chat.completions.create(chat('mock-c4'), {
      headers: { 'x-request-id': 'live-2' },
    });
    const { recent } = await (await gateway.get('/api/live')).json();
    const done = recent.find((each) => each.id === 'live-2');
    assert.equal(done.status, 200);
    assert.equal(done.tokens_out, 4);
    assert.equal(done.error, null);
    assert.ok(!JSON.stringify(recent).includes(kClientKey));
  });

  test('shows who waits for a first token', async () => {
    const aborter = new AbortController();
    const headers = { 'x-request-id': 'live-3' };
    const body = chat('mock-c2-f600000');
    const call = gateway.post('/v1/chat/completions', body, headers, { signal: aborter.signal });
    call.catch(() => {});
    await until('the request to wait', async () => {
      const { running } = await (await gateway.get('/api/live')).json();
      const found = running.find((each) => each.id === 'live-3');
      return { done: found?.state === 'waiting', value: found };
    });
    aborter.abort();
  });

  test('is for those on this machine alone, without a token', async () => {
    const proxied = await startGateway(
      configFor(mock.url, { server: { trusted_proxies: ['127.0.0.1'] } }),
    );
    assert.equal((await proxied.get('/api/live')).status, 200);
    assert.equal(
      (await proxied.get('/api/live', { 'x-forwarded-for': '203.0.113.9' })).status,
      403,
    );
  });

  test('wants the token where there is one', async () => {
    const guarded = await startGateway(
      configFor(mock.url, { auth: { admin_token: 'let-me-in-please' } }),
    );
    assert.equal((await guarded.get('/api/live')).status, 401);
    assert.equal(
      (await guarded.get('/api/live', { authorization: `Bearer ${kClientKey}` })).status,
      401,
    );
    const headers = { authorization: 'Bearer let-me-in-please' };
    assert.equal((await guarded.get('/api/live', headers)).status, 200);
    const inference = await guarded.post('/v1/chat/completions', chat('mock-c1'), headers);
    assert.equal(inference.status, 401);
  });
});

describe('CORS', async () => {
  const cors = { enabled: true, allowed_origins: ['https://app.example.com'] };
  const open = await startGateway(configFor(mock.url, { server: { cors } }));
  const origin = 'https://app.example.com';

  test('answers a preflight', async () => {
    const answer = await fetch(`${open.url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers.get('access-control-allow-origin'), origin);
    assert.match(answer.headers.get('access-control-allow-methods'), /POST/);
    assert.match(answer.headers.get('access-control-allow-headers'), /authorization/);
  });

  test('marks answers, streams and errors alike', async () => {
    const streamed = await open.post('/v1/chat/completions', chat('mock-c2', { stream: true }), {
      origin,
    });
    assert.equal(streamed.headers.get('access-control-allow-origin'), origin);
    await streamed.text();
    const refused = await open.post('/v1/chat/completions', '{', { origin });
    assert.equal(refused.status, 400);
    assert.equal(refused.headers.get('access-control-allow-origin'), origin);
    assert.match(refused.headers.get('vary'), /origin/i);
  });

  test('says nothing to other origins, and nothing at all when it is off', async () => {
    const other = await open.post('/v1/chat/completions', chat('mock-c1'), {
      origin: 'https://evil.test',
    });
    assert.equal(other.headers.get('access-control-allow-origin'), null);
    await other.text();
    const off = await gateway.post('/v1/chat/completions', chat('mock-c1'), { origin });
    assert.equal(off.headers.get('access-control-allow-origin'), null);
    await off.text();
  });
});
