/** Executes single records by computing their bodies on plain numbers. */
import type { Handler } from '../instructions/handlers.ts';
import { execute } from '../instructions/spec.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import type { EngineHost } from './engine.ts';
import { Exit } from './exits.ts';
import { ReferenceVectorBuilder } from './reference-vector-builder.ts';

export class Stepper {
  readonly #builder: ReferenceVectorBuilder;

  constructor(memory: PhysicalMemory, host: EngineHost) {
    this.#builder = new ReferenceVectorBuilder(memory, host);
  }
  /** The direct target, 0 or 1, that the last record left by with Exit.NEXT, else -1. */
  get target(): number {
    return this.#builder.departure.target;
  }
  /** Executes one record with its handler. @returns how it left */
  step(record: number, handler: Handler): Exit {
    const b = this.#builder;
    b.record = record;
    b.form = handler.form;
    b.departure.target = -1;
    try {
      execute(b, handler.spec);
      return Exit.NEXT;
    } catch (thrown) {
      if (thrown !== b.departure) throw thrown;
      return b.departure.kind;
    }
  }
}
