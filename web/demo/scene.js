// A picture to begin with, drawn here.

/** A number from 0 to 1 for each whole number, always the same. */
function random(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 8) / 2 ** 24;
  };
}

function ridge(context, width, height, level, rough, colour, next) {
  const points = [[0, next()], [1, next()]];
  for (let size = 1; points.length < 400; size *= rough)
    for (let i = points.length - 1; i; i--) {
      const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
      points.splice(i, 0, [(x0 + x1) / 2, (y0 + y1) / 2 + (next() - 0.5) * size]);
    }
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(0, height);
  for (const [x, y] of points) context.lineTo(x * width, level + y * height * 0.22);
  context.lineTo(width, height);
  context.fill();
}

/** A lake between mountains, as a canvas. */
export function scene(width = 768, height = 512) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height }), context = canvas.getContext("2d", { willReadFrequently: true }), next = random(7);
  const sky = context.createLinearGradient(0, 0, 0, height * 0.62);
  for (const [at, colour] of [[0, "#27406b"], [0.55, "#8a9cc0"], [0.85, "#f0c49a"], [1, "#f7e3c0"]]) sky.addColorStop(at, colour);
  context.fillStyle = sky;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#fff3d6";
  context.beginPath();
  context.arc(width * 0.68, height * 0.36, height * 0.05, 0, 7);
  context.fill();
  for (let i = 0; i < 60; i++) {
    context.fillStyle = `rgb(255 245 235 / ${0.05 + 0.1 * next()})`;
    context.beginPath();
    context.ellipse(width * next(), height * (0.05 + 0.22 * next()), width * (0.03 + 0.09 * next()), height * 0.012, 0, 0, 7);
    context.fill();
  }
  for (const [level, rough, colour] of [[0.36, 0.55, "#76809c"], [0.43, 0.6, "#56607c"], [0.5, 0.62, "#37435a"]])
    ridge(context, width, height, level * height, rough, colour, next);
  const shore = Math.round(height * 0.66);
  context.save();
  context.beginPath();
  context.rect(0, shore, width, height - shore);
  context.clip();
  context.setTransform(1, 0, 0, -0.8, 0, shore * 1.8);
  context.drawImage(canvas, 0, 0);
  context.restore();
  context.fillStyle = "rgb(30 50 80 / 0.45)";
  context.fillRect(0, shore, width, height - shore);
  for (let y = shore; y < height; y += 2 + (y - shore) / 18) {
    context.fillStyle = `rgb(235 240 255 / ${0.03 + 0.12 * next()})`;
    context.fillRect(width * next(), y, width * (0.05 + 0.3 * next()), 1 + (y - shore) / 60);
  }
  for (let i = 0; i < 70; i++) {
    const x = width * (next() < 0.5 ? next() * 0.32 : 1 - next() * 0.25), h = height * (0.05 + 0.09 * next()), foot = shore + 4 + 8 * next();
    context.fillStyle = `hsl(${150 + 30 * next()} 30% ${10 + 12 * next()}%)`;
    context.beginPath();
    context.moveTo(x, foot - h);
    context.lineTo(x - h * 0.22, foot);
    context.lineTo(x + h * 0.22, foot);
    context.fill();
  }
  return canvas;
}
