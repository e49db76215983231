import { itRunsTheUserland } from './userland-run.ts';

itRunsTheUserland('native');
