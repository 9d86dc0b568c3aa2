// Certificates for one test, in a folder that goes with it.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './processes.mjs';

const folder = temporaryFolder();
const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });

/// One that is its own authority: {cert, key}, paths. `names` as in subjectAltName; with
/// `days: -1` it expired yesterday.
export function selfSigned(name, names, { days = 2 } = {}) {
  const at = (ending) => path.join(folder, `${name}.${ending}`);
  const made = { cert: at('crt'), key: at('key') };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-new', ...curve, '-keyout', made.key, '-out', at('csr'), '-subj', `/CN=${name}`);
  writeFileSync(at('ext'), `subjectAltName=${names}\n`);
  const sign = ['-signkey', made.key, '-days', String(days), '-extfile', at('ext')];
  openssl('x509', '-req', '-in', at('csr'), ...sign, '-out', made.cert);
  return made;
}
