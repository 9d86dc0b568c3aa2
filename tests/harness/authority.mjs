// An authority of the test's own, and certificates that it has signed.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from './processes.mjs';

const kKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority {
  /// Its own certificate is ca.crt in a folder of its own.
  constructor(name) {
    this.folder = temporaryFolder();
    this.file = this.at('ca.crt');
    const made = ['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', `/CN=${name}`];
    this.openssl('req', '-x509', ...kKey, ...made);
  }

  /// NAME.crt and NAME.key beside it, for a subject and alternative names as OpenSSL writes them.
  issue(name, subject, alternatives) {
    const pair = { cert: this.at(`${name}.crt`), key: this.at(`${name}.key`) };
    this.openssl('req', ...kKey, '-keyout', pair.key, '-out', 'request', '-subj', `/CN=${subject}`);
    writeFileSync(this.at('names'), alternatives ? `subjectAltName=${alternatives}\n` : '');
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    this.openssl('x509', '-req', '-in', 'request', ...by, '-extfile', 'names', '-out', pair.cert);
    return pair;
  }

  at(name) {
    return path.join(this.folder, name);
  }

  openssl(...args) {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
