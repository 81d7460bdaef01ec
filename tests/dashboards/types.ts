// The types of a dashboard's JSON: those of @grafana/schema, where an enum is any of its values.
import type { AnnotationQuery, Dashboard, DashboardLink, FieldConfig, Panel, RowPanel, VariableModel } from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";
import type * as Histogram from "@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as StateTimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as Table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as TimeSeries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends Array<infer Item>
      ? Array<Plain<Item>>
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

interface Query {
  refId: string;
  datasource: { type: "influxdb"; uid: string };
  query: string;
  rawQuery: true;
  resultFormat: "time_series" | "table";
  alias?: string;
}

export type Field = Plain<Omit<FieldConfig, "custom">>;

export interface Custom {
  timeseries: Plain<Partial<TimeSeries.FieldConfig>>;
  histogram: Plain<Partial<Histogram.FieldConfig>>;
  "state-timeline": Plain<Partial<StateTimeline.FieldConfig>>;
  stat: Record<string, never>;
  table: Plain<Partial<Table.FieldConfig>>;
}

interface Shown<Kind extends string, Options, Custom> extends Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> {
  type: Kind;
  options: Options;
  targets: Query[];
  fieldConfig: {
    defaults: Omit<FieldConfig, "custom"> & { custom: Partial<Custom> };
    overrides: Array<{ matcher: { id: "byName"; options: string }; properties: Array<{ id: string; value: unknown }> }>;
  };
}

type AnyPanel =
  | Shown<"timeseries", TimeSeries.Options, TimeSeries.FieldConfig>
  | Shown<"histogram", Histogram.Options, Histogram.FieldConfig>
  | Shown<"state-timeline", StateTimeline.Options, StateTimeline.FieldConfig>
  | Shown<"stat", Stat.Options, Record<string, never>>
  | Shown<"table", Table.Options, Table.FieldConfig>
  | (Omit<RowPanel, "panels"> & { panels: [] });

interface Annotation extends Omit<AnnotationQuery, "target"> {
  target: Omit<Query, "resultFormat"> & Record<string, unknown>;
}

export type Board = Plain<
  Omit<Dashboard, "panels" | "annotations" | "templating" | "links"> & {
    panels: AnyPanel[];
    annotations: { list: Annotation[] };
    templating: { list: Array<Omit<VariableModel, "current"> & { current?: { text: string; value: string } }> };
    links: DashboardLink[];
  }
>;
