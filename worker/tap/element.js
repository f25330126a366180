// What is at a point of this document's viewport, or has the focus: its ARIA role and name, and its tag. Never a value.
// Runs in a world of its own: it reads, and changes nothing. `at` is [x, y] or null; `frame`: give the frame itself.
globalThis.elementAt = (at, frame) => {
  const MOST_NODES = 200, MOST_CHARS = 200, MOST_LABELS = 5;
  const ACTING = 'a[href],area[href],button,input,select,textarea,option,summary,label,'
    + '[contenteditable=""],[contenteditable=true],[contenteditable=plaintext-only],'
    + ['button', 'link', 'checkbox', 'radio', 'switch', 'tab', 'menuitem', 'menuitemcheckbox', 'menuitemradio',
       'option', 'treeitem', 'slider', 'spinbutton', 'textbox', 'searchbox', 'combobox', 'gridcell',
      ].map((role) => `[role=${role}]`).join();
  const INPUTS = {
    button: 'button', submit: 'button', reset: 'button', image: 'button', file: 'button', checkbox: 'checkbox',
    radio: 'radio', range: 'slider', number: 'spinbutton', search: 'searchbox',
  };
  const TAGS = {
    a: 'link', area: 'link', button: 'button', summary: 'button', textarea: 'textbox', option: 'option', img: 'img',
    h1: 'heading', h2: 'heading', h3: 'heading', h4: 'heading', h5: 'heading', h6: 'heading', li: 'listitem',
    td: 'cell', th: 'columnheader', tr: 'row', p: 'paragraph', dialog: 'dialog', table: 'table', form: 'form',
  };
  const NAMED_BY_CONTENT = new Set(['button', 'link', 'option', 'checkbox', 'radio', 'switch', 'tab', 'menuitem',
    'menuitemcheckbox', 'menuitemradio', 'treeitem', 'heading', 'columnheader']);  // not what people type into
  const HOLDS_TEXT = new Set(['input', 'textarea', 'select']);
  // Names in a page hide members of its forms and of its document, so all of them are called from outside.
  const getter = (type, name) => {
    const { get } = Object.getOwnPropertyDescriptor(type.prototype, name);
    return (of) => get.call(of);
  };
  const firstChildOf = getter(Node, 'firstChild'), nextOf = getter(Node, 'nextSibling');
  const parentOf = getter(Node, 'parentNode'), kindOf = getter(Node, 'nodeType');
  const tagOf = getter(Element, 'localName'), shadowOf = getter(Element, 'shadowRoot');
  const editable = getter(HTMLElement, 'isContentEditable'), designMode = getter(Document, 'designMode');
  const attribute = (element, name) => Element.prototype.getAttribute.call(element, name) ?? '';
  const closest = (element, what) => Element.prototype.closest.call(element, what);
  const isHidden = (element) => Element.prototype.checkVisibility.call(element) === false;
  const rootOf = (element) => Node.prototype.getRootNode.call(element);
  const hostOf = (root) => (root instanceof ShadowRoot ? root.host : null);
  const isEdited = (element) => (element instanceof HTMLElement && editable(element)) || designMode(document) === 'on';
  const clean = (text) => text.slice(0, 10 * MOST_CHARS).replace(/\s+/g, ' ').trim().slice(0, MOST_CHARS);

  function byId(root, id) {
    const type = root instanceof ShadowRoot ? DocumentFragment : Document;
    return root instanceof type ? type.prototype.getElementById.call(root, id) : null;
  }

  function innermost(root) {
    const type = root instanceof ShadowRoot ? ShadowRoot : Document;
    const found = at ? type.prototype.elementFromPoint.call(root, at[0], at[1]) : getter(type, 'activeElement')(root);
    const inside = found && shadowOf(found);
    const deeper = inside && innermost(inside);
    return deeper && deeper !== found ? deeper : found;
  }

  // Elements that take clicks, before what is drawn in them; out of shadow trees, too.
  function acting(element) {
    for (let each = element; each; each = hostOf(rootOf(each))) {
      const found = closest(each, ACTING);
      if (found) return found instanceof HTMLLabelElement && found.control ? found.control : found;
    }
    return element;
  }

  function roleOf(element) {
    const given = attribute(element, 'role').trim().split(/\s+/)[0].toLowerCase();
    if (given && given !== 'none' && given !== 'presentation') return given;
    if (isEdited(element)) return 'textbox';
    const tag = tagOf(element);
    if (tag === 'input') {
      const kind = attribute(element, 'type').toLowerCase();
      const role = INPUTS[kind] ?? 'textbox';
      return element.list && (role === 'textbox' || role === 'searchbox') ? 'combobox' : role;
    }
    if (tag === 'select') return element.multiple || element.size > 1 ? 'listbox' : 'combobox';
    return tag === 'a' && !attribute(element, 'href') ? '' : TAGS[tag] ?? '';
  }

  function textOf(element) {
    const parts = [];
    let nodes = 0, chars = 0;
    const isEnough = () => nodes >= MOST_NODES || chars > MOST_CHARS;
    const walk = (node) => {
      nodes++;
      if (kindOf(node) === Node.TEXT_NODE) {
        const text = node.data.slice(0, 10 * MOST_CHARS);
        parts.push(text);
        chars += text.trim().length;
      } else if (kindOf(node) === Node.ELEMENT_NODE) walkInto(node);
    };
    const walkInto = (node) => {
      const tag = tagOf(node);
      if (HOLDS_TEXT.has(tag) || tag === 'script' || tag === 'style' || isEdited(node)) return;
      if (node !== element) {
        if (attribute(node, 'aria-hidden') === 'true' || isHidden(node)) return;
        const said = attribute(node, 'aria-label') || (tag === 'img' ? attribute(node, 'alt') : '');
        if (said) return void parts.push(` ${said} `);
      }
      const inline = getComputedStyle(node).display.startsWith('inline');
      if (!inline) parts.push(' ');
      for (let child = firstChildOf(node); child && !isEnough(); child = nextOf(child)) walk(child);
      if (!inline) parts.push(' ');
    };
    walk(element);
    return clean(parts.join(''));
  }

  function nameOf(element, role) {
    const root = rootOf(element), tag = tagOf(element);
    const ids = attribute(element, 'aria-labelledby').slice(0, 10 * MOST_CHARS).split(/\s+/).filter(Boolean).slice(0, 10);
    const labelled = ids.map((id) => byId(root, id)).filter(Boolean);
    const by = clean(labelled.map((each) => clean(attribute(each, 'aria-label')) || textOf(each)).join(' '));
    if (by) return by;
    const said = clean(attribute(element, 'aria-label'));
    if (said) return said;
    if (tag === 'input' && INPUTS[attribute(element, 'type').toLowerCase()] === 'button') return ofButton(element);
    const label = HOLDS_TEXT.has(tag) || tag === 'button' ? labelsOf(element) : '';
    if (label) return label;
    const alt = tag === 'img' || tag === 'area' ? clean(attribute(element, 'alt')) : '';
    const content = NAMED_BY_CONTENT.has(role) && !HOLDS_TEXT.has(tag) && !isEdited(element);
    return alt || (content && textOf(element)) || clean(attribute(element, 'title'))
      || (HOLDS_TEXT.has(tag) ? clean(attribute(element, 'placeholder')) : '')
      || clean(attribute(element, 'aria-placeholder'));
  }

  function labelsOf(element) {
    const texts = [], labels = element.labels;
    for (let at = 0; at < Math.min(labels?.length ?? 0, MOST_LABELS); at++) texts.push(textOf(labels[at]));
    return clean(texts.join(' '));
  }

  function ofButton(element) {
    const kind = attribute(element, 'type').toLowerCase();
    const fallback = { submit: 'Submit', reset: 'Reset', image: 'Submit', file: 'Choose File' }[kind] ?? '';
    const label = labelsOf(element);
    const shown = kind === 'image' ? attribute(element, 'alt') : kind === 'file' ? '' : attribute(element, 'value');
    return label || clean(shown) || clean(attribute(element, 'title')) || fallback;
  }

  // Where in a frame the point is; nothing where the frame is not only moved and scaled.
  function into(element) {
    if (!at) return { into: [] };
    for (let each = element; each instanceof Element; each = hostOf(parentOf(each)) ?? parentOf(each)) {
      const { transform, rotate } = getComputedStyle(each);
      const turned = /^matrix\(([^,]+), ([^,]+), ([^,]+)/.exec(transform);
      const isFlat = transform === 'none' || (turned && +turned[2] === 0 && +turned[3] === 0 && +turned[1] > 0);
      if (!isFlat || rotate !== 'none') return {};
    }
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const inset = (side) => parseFloat(style[`border${side}Width`]) + parseFloat(style[`padding${side}`]);
    const x = (at[0] - box.left) / (box.width / element.offsetWidth) - inset('Left');
    const y = (at[1] - box.top) / (box.height / element.offsetHeight) - inset('Top');
    return { into: [x, y] };
  }

  let found = innermost(document);
  const isFrame = found instanceof HTMLIFrameElement || found instanceof HTMLFrameElement;
  if (frame) return isFrame ? found : null;
  if (isFrame) return into(found);
  if (!found) return {};
  if (at) found = acting(found);
  const role = roleOf(found);
  return { role, name: nameOf(found, role), tag: tagOf(found) };
};
