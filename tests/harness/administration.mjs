// Administration of a gateway whose data lies in a folder of its own.
import assert from 'node:assert/strict';
import path from 'node:path';
import { configFor } from './gateway.mjs';
import { run, temporaryFolder, writeConfig } from './processes.mjs';

export const kAdminToken = 'an-administrators-token';

/// A configuration whose data lies in a folder of its own.
export function place(mock, changes = {}) {
  const folder = temporaryFolder();
  const data_dir = path.join(folder, 'data');
  const config = configFor(mock.url, { data_dir, auth: { admin_token: kAdminToken }, ...changes });
  const file = writeConfig(path.join(folder, 'commands.yaml'), config);
  return {
    folder,
    data_dir,
    config,
    file,
    socket: path.join(data_dir, 'sluice.sock'),
    sluice: (...args) => run([...args, '--config', file], { cwd: folder }),
    async json(...args) {
      const { code, stdout, stderr } = await this.sluice(...args, '--json');
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    },
    async text(...args) {
      const { code, stdout, stderr } = await this.sluice(...args);
      assert.equal(code, 0, stderr);
      return { stdout, stderr };
    },
  };
}

export function admin(gateway, method, route, body, headers = {}) {
  return fetch(`${gateway.url}/api/admin/${route}`, {
    method,
    headers: { authorization: `Bearer ${kAdminToken}`, ...headers },
    body: body && JSON.stringify(body),
  });
}

/// The same, read: {status, etag, text, json}.
export async function ask(gateway, method, route, body, headers) {
  const answer = await admin(gateway, method, route, body, headers);
  const text = await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag'), text, json: JSON.parse(text) };
}
