// The endpoints of /openapi.json as a plain list.
import { el, get, table } from "/assets/page.js";

const description = await get("/openapi.json");
const sections = new Map();
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const tag = (operation.tags || ["other"])[0];
    sections.set(tag, [...(sections.get(tag) || []), endpoint(path, method.toUpperCase(), operation)]);
  }
}
document.getElementById("endpoints").replaceChildren(
  ...[...sections].map(([tag, list]) => el("section", { class: "card" }, el("h2", {}, tag), list)));

function endpoint(path, method, operation) {
  const parameters = (operation.parameters || []).map((one) => [
    el("code", {}, one.name), one.in, one.required ? "required" : "", one.description || one.schema?.description || ""]);
  const reference = operation.requestBody?.content?.["application/json"]?.schema?.$ref;
  const model = reference && description.components.schemas[reference.split("/").pop()];
  const fields = model ? Object.keys(model.properties).map((name) =>
    [el("code", {}, name), "body", (model.required || []).includes(name) ? "required" : "", ""]) : [];
  const rows = [...parameters, ...fields];
  return el("details", {},
    el("summary", {}, el("span", { class: "method" }, method), " ", el("code", {}, path), " ",
      el("span", { class: "quiet" }, ...coded(operation.description || operation.summary || ""))),
    rows.length ? el("div", { class: "scroll" }, table(["Name", "In", "", "Meaning"], rows)) : el("p", { class: "quiet" }, "No parameters."));
}

// What stands between backticks as code.
function coded(text) {
  return text.split("`").map((part, place) => (place % 2 ? el("code", {}, part) : part));
}
