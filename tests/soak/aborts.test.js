import assert from 'node:assert/strict';
import { test } from 'node:test';

import { limit, look, metric, MiB, settled, show, withLab } from './soak.js';

const count = Number(process.env.SOAK_ABORTS ?? 100_000);

test(`${count} aborted streams leave nothing behind`, { timeout: limit }, async (t) => {
  await withLab(async (lab) => {
    const mock = await lab.startMock();
    const gateway = await lab.startSluice(mock.port, { idle: 8 });
    // Ten seconds long, so that none ends by itself however busy the machine is.
    const abort = (requests) => lab.bench([
      '--url', gateway.url, '--model', 'mock-c1000-i10', '--concurrency', 200,
      '--requests', requests, '--abort', 1, '--abort-within', 5,
    ], { limit });
    // What the heap keeps for the next streams is there after the first ones.
    await abort(Math.ceil(count / 20));
    const before = await settled(gateway, look(gateway));
    t.diagnostic(`before: ${show(before)}`);

    const report = await abort(count);
    assert.equal(report.requests.aborted, count);
    assert.equal(report.requests.failed, 0);
    const after = await settled(gateway, before);
    t.diagnostic(`after ${count} aborts in ${report.measured_seconds.toFixed(1)} s: ${show(after)}`);
    assert.ok(after.descriptors <= before.descriptors + 8, `${after.descriptors} descriptors are open`);
    assert.ok(after.memory - before.memory < MiB, `memory grew by ${after.memory - before.memory} bytes`);
    assert.equal(await metric(gateway, 'gateway_active_streams'), 0);

    const { active, aborted } = await (await fetch(`${mock.url}/mock/stats`)).json();
    assert.ok(active <= 1, `${active} requests still run at the upstream`);
    assert.equal(aborted, count + Math.ceil(count / 20));
  });
});
