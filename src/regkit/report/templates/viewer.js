"use strict";
// Shows a pair in NiiVue, and blends the moving image from before to after registration.
(() => {
  const find = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(find(id).textContent);
  const slide = find("viewer-slide"), opacity = find("viewer-opacity"), play = find("viewer-play");
  const message = find("viewer-message"), canvas = find("viewer-canvas");
  const render = find("viewer-render"), select = find("viewer-scene");
  const scenes = data("viewer-scenes");
  let viewer = null, started = null, ends = null, moving = null, asked = 0, timer = 0;
  const FAINT = 90;

  const say = (words) => { message.textContent = words; };

  function load() {
    // The code runs only when somebody comes to look: the page opens sooner.
    const script = document.createElement("script");
    script.textContent = find("niivue-code").textContent;
    document.head.append(script);
    const view = new window.niivue.Niivue({
      backColor: [0, 0, 0, 1], clipPlaneColor: [0, 0, 0, 0], crosshairColor: [0.4, 0.9, 1, 0.5],
      crosshairWidth: 0.7, crosshairWidthUnit: "mm", show3Dcrosshair: false, isOrientCube: false,
      isRadiologicalConvention: true, sagittalNoseLeft: true, multiplanarShowRender: 1,
      scrollRequiresFocus: true, dragAndDropEnabled: false, loadingText: "", logLevel: "error",
    });
    view.addColormap("regkit", data("viewer-warm"));
    return view;
  }

  async function begin() {
    say("starting …");
    try {
      const view = load();
      await view.attachToCanvas(canvas);
      viewer = view;
    } catch (error) {
      say("The viewer needs WebGL 2, which this browser does not offer: " + error.message);
    }
  }

  function start() {
    started ??= begin();
    return started;
  }

  async function image(scene, name, colours) {
    const loaded = await window.niivue.NVImage.loadFromBase64({
      base64: scene[name], name: name + ".nii.gz", colormap: colours,
      cal_min: 0, cal_max: 255, trustCalMinMax: false,
    });
    // Faint values of the upper image let the lower one through.
    if (colours === "regkit") Object.assign(loaded, { cal_min: FAINT, colormapType: 2 });
    return loaded;
  }

  async function show(number) {
    const turn = ++asked;
    await start();
    if (!viewer || turn !== asked) return;
    const scene = scenes[number], above = scene.above;
    const fixed = await image(scene, "fixed", above === "fixed" ? "regkit" : "gray");
    const warped = await image(scene, "after", above === "moving" ? "regkit" : "gray");
    const before = await image(scene, "before", "gray");
    if (turn !== asked) return;
    while (viewer.volumes.length) viewer.removeVolumeByIndex(0);
    ends = [before.img, warped.img.slice()];
    moving = warped;
    for (const volume of above === "fixed" ? [warped, fixed] : [fixed, warped]) {
      viewer.addVolume(volume);
    }
    // Seen from the front, cut open so that the inside shows.
    viewer.setRenderAzimuthElevation(160, 12);
    viewer.setClipPlane([0.05, 0, 0]);
    blend();
    viewer.setOpacity(1, opacity.value / 100);
    if (select) select.value = String(number);
    say("");
    canvas.dataset.shown = String(number);
  }

  function blend() {
    if (!moving) return;
    const weight = slide.value / 100, [before, after] = ends, into = moving.img;
    for (let i = 0; i < into.length; i += 1) {
      into[i] = before[i] + weight * (after[i] - before[i]);
    }
    viewer.updateGLVolume();
    canvas.dataset.blend = slide.value;
  }

  function toggle() {
    if (timer) {
      clearInterval(timer);
      timer = 0;
      play.textContent = "play";
      return;
    }
    play.textContent = "stop";
    const began = performance.now();
    timer = setInterval(() => {
      // Rests at both ends, so that the eye can settle.
      const phase = Math.sin((performance.now() - began) / 700);
      slide.value = String(Math.round(50 + 50 * Math.max(-1, Math.min(1, 1.4 * phase))));
      blend();
    }, 60);
  }

  slide.addEventListener("input", blend);
  opacity.addEventListener("input", () => {
    if (moving) viewer.setOpacity(1, opacity.value / 100);
  });
  play.addEventListener("click", toggle);
  render.addEventListener("click", () => {
    if (!viewer) return;
    const only = render.getAttribute("aria-pressed") !== "true";
    render.setAttribute("aria-pressed", String(only));
    viewer.setSliceType(only ? viewer.sliceTypeRender : viewer.sliceTypeMultiplanar);
  });
  if (select) select.addEventListener("change", () => show(Number(select.value)));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-scene]");
    if (!button) return;
    show(Number(button.dataset.scene));
    find("viewer").scrollIntoView({ behavior: "smooth", block: "center" });
  });
  say("loading …");
  new IntersectionObserver((seen, observer) => {
    if (seen.some((entry) => entry.isIntersecting)) {
      observer.disconnect();
      if (!asked) show(0);
    }
  }, { rootMargin: "200px" }).observe(find("viewer"));
})();
