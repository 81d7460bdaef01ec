// A node-opcua server: `node server.js PORT NODES HISTORIZED QUEUE`. Commands come one a line on the standard input:
// `go RATE` writes RATE counters a second to each node, `stop` ends that and prints what was written, `burst COUNT` writes as many at
// once; `drop` forgets all subscriptions. Every answer is one line of JSON.
"use strict";
const readline = require("readline");
const { OPCUAServer } = require("node-opcua-server");
const { DataType, VariantArrayType } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");

const [port, nodes, historized] = process.argv.slice(2).map(Number);

async function main() {
  const server = new OPCUAServer({
    port,
    hostname: "127.0.0.1",
    alternateHostname: ["127.0.0.1"],
    resourcePath: "",
    allowAnonymous: true,
    serverCertificateManager: undefined,
    serverCapabilities: { maxSessions: 20, minSupportedSampleRate: 10 },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const folder = own.addFolder(space.rootFolder.objects, { browseName: "Line1" });
  const variables = [];
  for (let i = 0; i < nodes; i++) {
    const variable = own.addVariable({
      componentOf: folder,
      browseName: `n${i}`,
      nodeId: `s=n${i}`,
      dataType: "Double",
      minimumSamplingInterval: 0,
      historizing: i < historized,
    });
    variable.setValueFromSource({ dataType: DataType.Double, value: 0 });
    if (i < historized) space.installHistoricalDataNode(variable, { maxOnlineValues: 100000 });
    variables.push(variable);
  }
  const array = own.addVariable({
    componentOf: folder, browseName: "array", nodeId: "s=array", dataType: "Double", valueRank: 1, arrayDimensions: [0],
  });
  array.setValueFromSource({ dataType: DataType.Double, arrayType: VariantArrayType.Array, value: [1.5, 2.5, 3.5] });
  await server.start();
  say({ ready: server.getEndpointUrl() });

  let timer, count = 0;
  let written = variables.map(() => []);
  readline.createInterface({ input: process.stdin }).on("line", async (line) => {
    const [what, rate] = line.split(" ");
    if (what === "go") {
      const began = Date.now(), first = count;
      let last = 0;
      timer = setInterval(() => {
        while (count - first < ((Date.now() - began) * Number(rate)) / 1000) {
          count += 1;
          const now = Math.max(Date.now(), last + 1);  // each value has a time of its own
          last = now;
          variables.forEach((variable, i) => {
            variable.setValueFromSource({ dataType: DataType.Double, value: count }, StatusCodes.Good, new Date(now));
            written[i].push([count, now * 1000000]);
          });
        }
      }, 5);
    } else if (what === "stop") {
      clearInterval(timer);
      say({ written });
    } else if (what === "burst") {
      const began = Date.now();
      for (let i = 0; i < Number(rate); i++) {
        count += 1;
        variables.forEach((variable) => {
          variable.setValueFromSource({ dataType: DataType.Double, value: count }, StatusCodes.Good, new Date(began + i));
        });
      }
      say({ burst: count });
    } else if (what === "drop") {
      for (const session of Object.values(server.engine._sessions || {})) {
        for (const subscription of session.publishEngine.subscriptions) subscription.terminate();
      }
      say({ dropped: true });
    }
  }).on("close", () => process.exit(0));
}

function say(answer) {
  process.stdout.write(JSON.stringify(answer) + "\n");
}

main();
