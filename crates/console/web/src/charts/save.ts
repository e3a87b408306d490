/** Files for the user, made in the page. */

export function saveText(name: string, type: string, text: string) {
  saveBlob(name, new Blob([text], { type }));
}

export function saveBlob(name: string, blob: Blob) {
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The picture on its ground, with the names of its lines below. */
export async function savePicture(name: string, plot: HTMLCanvasElement, lines: { color: string; text: string }[]) {
  const style = getComputedStyle(document.documentElement);
  const scale = devicePixelRatio;
  const [margin, lineHeight] = [16 * scale, 20 * scale];
  const canvas = document.createElement('canvas');
  canvas.width = plot.width + 2 * margin;
  canvas.height = plot.height + 2 * margin + lines.length * lineHeight;
  const context = canvas.getContext('2d')!;
  context.fillStyle = style.getPropertyValue('--surface');
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(plot, margin, margin);
  context.font = `${12 * scale}px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = 'middle';
  for (const [index, line] of lines.entries()) {
    const y = margin + plot.height + (index + 0.5) * lineHeight;
    context.fillStyle = line.color;
    context.fillRect(margin, y - 1.5 * scale, 14 * scale, 3 * scale);
    context.fillStyle = style.getPropertyValue('--text');
    context.fillText(line.text, margin + 22 * scale, y, canvas.width - 2 * margin - 22 * scale);
  }
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (blob) saveBlob(name, blob);
}
