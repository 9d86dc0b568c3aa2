import assert from 'node:assert/strict';
import { test } from 'node:test';

import { expectAllOk, limit, look, manyStreams, metric, show, withLab } from './soak.js';

const count = Number(process.env.SOAK_STREAMS ?? 10_000);

test(`two processes on one port share ${count} streams`, { timeout: limit }, async (t) => {
  await withLab(async (lab) => {
    const mock = await lab.startMock();
    const first = await lab.startSluice(mock.port, { idle: 8 });
    const second = await lab.startSluice(mock.port, { port: first.port, idle: 8 });

    const { report } = await manyStreams(lab, first.url, count, async (at) => {
      const [one, other] = [look(first), look(second)];
      t.diagnostic(`after ${at.toFixed(0)} s: ${show(one)}; ${show(other)}`);
      // The kernel deals connections out by their address: about evenly.
      const share = one.descriptors / (one.descriptors + other.descriptors);
      assert.ok(share > 0.4 && share < 0.6, `one process has ${(share * 100).toFixed(0)} %`);
    });
    expectAllOk(report, count);
    assert.equal(await metric(first, 'gateway_active_streams'), 0);
  });
});
