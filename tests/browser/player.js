// In the page: plays one recording in rrweb's Replayer and tells which nodes stand where.
// Two ways through: played to the end at speed (each event applied to the live DOM), and sought (events applied to rrweb's
// virtual DOM, then diffed in). Each must give every node. A player seeks once: from a place that it was at before, rrweb may
// apply the half second before a mouse move twice.
import { unpack } from '@rrweb/packer';
import { Replayer } from 'rrweb';
import style from 'rrweb/dist/style.css';

const POINTS = [0.5, 1];

const settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

// Sentry's own custom events (type 5) count seconds.
const inMilliseconds = (event) => (event.timestamp < 1e11 ? { ...event, timestamp: event.timestamp * 1000 } : event);

// Document order with depth: equal lists are equal trees. Negative ids are the player's own nodes, numbered as they come.
function outline(mirror, node, depth = 0, into = []) {
  const id = mirror.getId(node);
  into.push(`${' '.repeat(depth)}${id < 0 ? '-' : id} ${node.nodeName}`);
  const inner = node.nodeName === 'IFRAME' ? node.contentDocument : node.shadowRoot;
  for (const child of [...(inner ? [inner] : []), ...node.childNodes]) outline(mirror, child, depth + 1, into);
  return into;
}

window.play = async (recorded) => {
  document.head.append(Object.assign(document.createElement('style'), { textContent: style }));
  const events = recorded.map((event) => (typeof event === 'string' ? unpack(event) : event)).map(inMilliseconds)
    .sort((a, b) => a.timestamp - b.timestamp);
  const outlines = {};

  const show = async (name, arrive) => {
    const replayer = new Replayer(events, { root: document.body, speed: 64, mouseTail: false });
    await arrive(replayer);
    await settled();
    outlines[name] = outline(replayer.getMirror(), replayer.iframe.contentDocument);
    return replayer;
  };
  const end = (replayer) => new Promise((done) => { replayer.on('finish', done); replayer.play(); });
  for (const point of POINTS) {
    const seek = (replayer) => replayer.pause(Math.ceil(replayer.getMetaData().totalTime * point) + 1);
    (await show(`at ${point}`, seek)).destroy();
  }
  await show('played', end);
  return outlines;
};
