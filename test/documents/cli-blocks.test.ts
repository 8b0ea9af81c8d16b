import { runDocuments } from './run-documents.ts';

runDocuments(['docs/cli.md']);
