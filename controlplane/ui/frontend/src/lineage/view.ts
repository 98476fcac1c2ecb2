// Where one looks: a point of the graph at the middle of the canvas, and a scale.
const LEAST = 0.02;
const MOST = 2;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 1;
  height = 1;

  toGraph(px: number, py: number): [x: number, y: number] {
    return [(px - this.width / 2) / this.scale + this.x, (py - this.height / 2) / this.scale + this.y];
  }

  // Zoom so that the point under the pointer stays under it.
  zoom(factor: number, px = this.width / 2, py = this.height / 2): void {
    const [x, y] = this.toGraph(px, py);
    this.scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    const [nx, ny] = this.toGraph(px, py);
    this.x += x - nx;
    this.y += y - ny;
  }

  pan(dx: number, dy: number): void {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
  }

  fit(width: number, height: number): void {
    const margin = 48;
    this.scale = Math.min(1, Math.max(LEAST, Math.min((this.width - margin) / width, (this.height - margin) / height)));
    [this.x, this.y] = [width / 2, height / 2];
  }

  bounds(): [left: number, top: number, right: number, bottom: number] {
    const [left, top] = this.toGraph(0, 0);
    const [right, bottom] = this.toGraph(this.width, this.height);
    return [left, top, right, bottom];
  }
}
