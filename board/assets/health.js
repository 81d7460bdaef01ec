// How the service is doing: what is wrong in sentences, its processes, connectors and targets, losses and refusals.
import { attempt, el, foldedTable, get, inPlantTime, meaning, table, time, word } from "/assets/page.js";

const EVERY = 5000;
const byId = (id) => document.getElementById(id);
const TITLES = { gateway: "Gateway", engine: "Engine", forwarder: "Forwarder", web: "Board" };
const DOES = {
  gateway: "takes in what machines send", engine: "computes charts, days and key results",
  forwarder: "passes results on", web: "shows them",
};
const TARGETS = { store: "OKR store of the board", okr: "Your OKR system", influxdb: "InfluxDB" };

const quiet = (text) => el("p", { class: "quiet" }, text);
const ago = (seconds) => (seconds === null || seconds === undefined ? "–" : seconds < 120 ? `${Math.round(seconds)} s` : seconds < 7200
  ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);
const moment = (ns) => time(new Date(ns / 1e6).toISOString());
const size = (bytes) => (bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`);

function problem({ severity, says, since }) {
  const sign = severity === "fault" ? ["bad", "✕ fault"] : ["warn", "▲ notice"];
  return el("li", {}, el("span", { class: `word ${sign[0]}` }, sign[1]), " ", inPlantTime(says), since ? el("small", {}, ` since ${time(since)}`) : null);
}

function showProblems(problems) {
  byId("problems").replaceChildren(problems.length ? el("ul", { class: "problems" }, problems.map(problem))
    : el("p", {}, el("span", { class: "word good" }, "✓ all is well"), " Everything runs, and nothing is known to be lost."));
}

function showProcesses(processes) {
  const rows = ["gateway", "engine", "forwarder", "web"].map((name) => {
    const { state, lag_seconds, behind_entries, started } = processes[name];
    const behind = name === "engine" && behind_entries !== null ? `${behind_entries} entries` : name === "web" ? "–" : ago(lag_seconds);
    return [[TITLES[name], el("small", {}, ` ${DOES[name]}`)], state ? word(state) : "–", started ? time(started) : "–", behind];
  });
  byId("processes").replaceChildren(table(["Process", "State", "~Started", "#Behind"], rows));
}

// A connection: connected, or away since when and why.
function connection(away) {
  if (!away) return el("span", { class: "word good" }, "✓ connected");
  return [el("span", { class: "word bad" }, "✕ away"), el("small", {}, ` since ${moment(away.since_ns)}: ${away.why}`)];
}

function showConnections({ gateway, forwarder }) {
  const names = gateway.connectors || [];
  byId("connectors").replaceChildren(names.length ? table(["Connector", "State"], names.map((name) => [name, connection(gateway.away[name])]))
    : quiet("No connector, or the gateway has not said anything yet."));
  const targets = Object.entries(forwarder.targets);
  const rows = targets.map(([name, target]) => [TARGETS[name] || name, connection(target.away), String(target.refused || 0)]);
  byId("targets").replaceChildren(rows.length ? table(["Target", "State", "#Refused"], rows) : quiet("The forwarder has not said anything yet."));
}

function showFigures({ processes: { gateway, engine }, data }) {
  const { disk } = gateway;
  const share = data.late_share === null ? "–" : `${(100 * data.late_share).toFixed(2)} %`;
  const figures = [
    ["Free disk", disk ? `${size(disk.free_bytes)} of ${size(disk.total_bytes)}; below ${size(disk.least_bytes)} nothing is taken in` : "–"],
    ["Taken in", gateway.last_entry ? `${gateway.last_seq} entries, the last at ${time(gateway.last_entry)}` : "nothing yet"],
    ["Evaluated", engine.last_tick ? `up to ${time(engine.last_tick)}` : "nothing yet"],
    ["Late readings", `${share} of the latest production days`],
  ];
  byId("figures").replaceChildren(...figures.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}

function showGaps(gaps) {
  const rows = [...gaps].reverse().map((gap) => [time(gap.from_time), time(gap.to_time), gap.connector,
    [word(gap.state), el("small", {}, ` ${[meaning(gap.reason) || gap.reason, gap.detail].filter(Boolean).join(": ")}`)]]);
  if (rows.length) foldedTable(byId("gaps"), ["From", "~To", "Connector", "What"], rows, 10);
  else byId("gaps").replaceChildren(quiet("None."));
}

function showRejected(counts, rejected) {
  const latest = new Map(rejected.map((row) => [`${row.connector} ${row.reason}`, row]));
  const rows = counts.map(({ connector, reason, count }) => {
    const row = latest.get(`${connector} ${reason}`);
    return [connector, [`${reason} `, el("small", {}, meaning(reason))], String(count),
      row ? [`${time(row.time)} `, el("small", {}, [row.topic, row.detail].filter(Boolean).join(": "))] : "–"];
  });
  if (rows.length) foldedTable(byId("rejected"), ["Connector", "Reason", "#How often", "~The last one"], rows, 20);
  else byId("rejected").replaceChildren(quiet("Nothing."));
}

async function load() {
  const [health, gaps, rejected] = await Promise.all([get("/health"), get("/api/v1/gaps?limit=200"), get("/api/v1/rejected?limit=1000")]);
  showProblems(health.problems);
  showProcesses(health.processes);
  showConnections(health.processes);
  showFigures(health);
  showGaps(gaps);
  showRejected(health.data.rejected, rejected);
}

attempt(load);
setInterval(() => { if (!document.hidden) attempt(load); }, EVERY);
