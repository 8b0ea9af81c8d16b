import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import type { WireEvent } from '../event.ts';
import { published } from './wire-channel.ts';

const event: WireEvent = { kind: 'warning', host: 'h', text: 'soon' };

describe('the gantry:wire channel', () => {
  it('the gantry:wire channel receives the same events as the observer', (test) => {
    const heard: unknown[] = [];
    const observed: unknown[] = [];
    const hear = (message: unknown): unknown => heard.push(message);
    diagnostics.subscribe('gantry:wire', hear);
    atEnd(test, () => diagnostics.unsubscribe('gantry:wire', hear));
    published((told) => observed.push(told))?.(event);
    published(undefined)?.(event);
    assert.deepEqual([heard, observed], [[event, event], [event]]);
  });
});
