import assert from 'node:assert/strict';
import { test } from 'node:test';

import { expectAllOk, limit, look, manyStreams, metric, MiB, settled, show, withLab } from './soak.js';

// With two descriptors a stream, what 20,000 of them allow.
const count = Number(process.env.SOAK_STREAMS ?? 9900);

test(`${count} streams in one process: no error, no growth, every token counted`, { timeout: limit }, async (t) => {
  await withLab(async (lab) => {
    const mock = await lab.startMock();
    const gateway = await lab.startSluice(mock.port, { idle: 8 });
    await lab.bench(['--url', gateway.url, '--concurrency', 8, '--requests', 100, '--model', 'mock-c5-i1']);
    const before = look(gateway);
    const tokensBefore = await metric(gateway, 'gateway_tokens_total', 'direction="output"');
    t.diagnostic(`before: ${show(before)}`);

    const samples = [];
    const { report, events } = await manyStreams(lab, gateway.url, count, async (at) => {
      samples.push(look(gateway));
      assert.equal(await metric(gateway, 'gateway_active_streams'), count);
      t.diagnostic(`after ${at.toFixed(0)} s: ${show(samples.at(-1))}`);
    });
    expectAllOk(report, count);
    const [first] = samples;
    t.diagnostic(`${((first.memory - before.memory) / count / 1024).toFixed(2)} KiB a stream`);
    const growth = samples.at(-1).memory - first.memory;
    assert.ok(growth < 0.02 * first.memory + MiB, `memory grew by ${growth} bytes`);
    // Some more are those that ask for the metrics.
    assert.ok(samples.at(-1).descriptors <= first.descriptors + 4);

    const after = await settled(gateway, before);
    t.diagnostic(`after the last stream: ${show(after)}`);
    assert.ok(after.descriptors <= before.descriptors + 8, `${after.descriptors} descriptors are open`);
    const tokens = await metric(gateway, 'gateway_tokens_total', 'direction="output"');
    assert.equal(tokens - tokensBefore, count * events);
    assert.equal(await metric(gateway, 'gateway_active_streams'), 0);
  });
});
