/**
 * What becomes of the requests of one model whose worker is lost.
 */
import type { MigrationObserver, MigrationOutcome, MigrationType } from "../migration/migrate.ts";
import type { Series } from "./series.ts";

export class MigrationMetrics implements MigrationObserver {
  readonly #series: Series;
  readonly #model: string;

  constructor(series: Series, model: string) {
    this.#series = series;
    this.#model = model;
  }

  lost(type: MigrationType): void {
    this.#series.migrations.inc({ model: this.#model, migration_type: type });
  }

  settled(type: MigrationType, outcome: MigrationOutcome, startedAt: number): void {
    const labels = { model: this.#model, migration_type: type, outcome };
    this.#series.migrationDuration.observe(labels, (performance.now() - startedAt) / 1000);
  }

  tooLong(): void {
    this.#series.migrationsTooLong.inc({ model: this.#model });
  }
}
