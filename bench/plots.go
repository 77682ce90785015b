package main

import (
	"bytes"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// line is one of a picture.
type line struct {
	name   string
	points plotter.XYs
}

// picture is lines over an axis that grows.
type picture struct {
	file, title, x, y string
	logX, logY        bool
	ticks             []int            // where the axis below is labelled
	label             func(int) string // and how
	lines             []line
}

// palette can be told apart by people who do not see all colours.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff},
	color.RGBA{0xd5, 0x5e, 0x00, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff},
	color.RGBA{0x55, 0x55, 0x55, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff},
}

func (p picture) write(dir string) error {
	fig := plot.New()
	fig.Title.Text, fig.X.Label.Text, fig.Y.Label.Text = p.title, p.x, p.y
	fig.Title.Padding, fig.X.Padding, fig.Y.Padding = vg.Points(8), vg.Points(4), vg.Points(4)
	fig.BackgroundColor = color.White // readable on a dark page
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xdd}, color.Gray{0xdd}
	fig.Add(grid)
	for i, l := range p.lines {
		if len(l.points) == 0 {
			continue
		}
		drawn, dots, err := plotter.NewLinePoints(l.points)
		if err != nil {
			return err
		}
		drawn.Color, drawn.Width = palette[i%len(palette)], vg.Points(1.5)
		dots.Color, dots.Radius = drawn.Color, vg.Points(2.5)
		dots.Shape = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}, draw.PlusGlyph{}, draw.RingGlyph{}}[i%6]
		fig.Add(drawn, dots)
		fig.Legend.Add(l.name, drawn, dots)
	}
	fig.Legend.Top, fig.Legend.Left, fig.Legend.Padding = true, true, vg.Points(3)
	fig.Legend.XOffs, fig.Legend.YOffs = vg.Points(8), vg.Points(-4)
	if p.logX {
		fig.X.Scale = plot.LogScale{}
	}
	fig.X.Tick.Marker = p.marks()
	if p.logY {
		fig.Y.Scale, fig.Y.Tick.Marker = plot.LogScale{}, decades{}
	} else {
		fig.Y.Min = 0
	}
	fig.Y.Max = p.room(fig.Y.Min, fig.Y.Max)
	return save(fig, 10*vg.Centimeter, filepath.Join(dir, p.file))
}

func save(fig *plot.Plot, height vg.Length, file string) error {
	canvas, err := draw.NewFormattedCanvas(16*vg.Centimeter, height, "svg")
	if err != nil {
		return err
	}
	// The last label is centred below the last point, so there must be room to the right of it.
	fig.Draw(draw.Crop(draw.New(canvas), vg.Points(4), -vg.Points(24), vg.Points(4), -vg.Points(4)))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// marks are where something was measured.
func (p picture) marks() plot.ConstantTicks {
	var marks plot.ConstantTicks
	for _, n := range p.ticks {
		marks = append(marks, plot.Tick{Value: float64(n), Label: p.label(n)})
	}
	return marks
}

// decades labels the powers of ten.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(least, most float64) []plot.Tick {
	var marks []plot.Tick
	for at := math.Pow(10, math.Ceil(math.Log10(least))); at <= most; at *= 10 {
		marks = append(marks, plot.Tick{Value: at, Label: strconv.FormatFloat(at, 'f', -1, 64)})
	}
	return marks
}

// room leaves some at the top for the legend.
func (p picture) room(least, most float64) float64 {
	if p.logY {
		return most * 20
	}
	return most + 0.45*(most-least)
}

// lead is the picture of the summary: the time of those who verify 1 KiB, one
// bar each.
func (r *results) lead(dir string) error {
	at := verifyCase{"standard", claimSize, 1, 1, 0}
	var times plotter.Values
	var names []string
	for _, name := range slices.Backward(whoVerifies) {
		if row := r.verifyRow(at, name); len(row.NS) > 0 {
			times, names = append(times, row.NS.median()/1e3), append(names, name)
		}
	}
	if len(times) == 0 {
		return nil // that part was not run
	}
	bars, err := plotter.NewBarChart(times, vg.Points(14))
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, palette[0], 0
	fig := plot.New()
	fig.Title.Text, fig.X.Label.Text, fig.BackgroundColor = "Verifying a message of 1 KiB", "time (µs)", color.White
	fig.Title.Padding, fig.X.Padding, fig.X.Min = vg.Points(8), vg.Points(4), 0
	fig.Y.Padding = vg.Points(20) // readers' fonts are wider than the one that is measured
	fig.Add(bars)
	fig.NominalY(names...)
	fig.Y.Tick.Label.Font.Size, fig.Y.Width, fig.Y.Tick.Length = vg.Points(10), 0, 0
	fig.X.Max = 1.05 * slices.Max(times)
	return save(fig, 5*vg.Centimeter, filepath.Join(dir, "lead.svg"))
}

func (r *results) plot(dir string) error {
	if err := r.lead(dir); err != nil {
		return err
	}
	for _, p := range []picture{r.bySize(), r.byKeys(), r.bySignatures(), r.byIDs(), r.collections(), r.byBody(), r.byCores()} {
		measured := false
		for _, l := range p.lines {
			measured = measured || len(l.points) > 0
		}
		if !measured {
			continue // that part was not run
		}
		if err := p.write(dir); err != nil {
			return err
		}
	}
	return nil
}

// verifyLine is who in these cases, over what x takes of a case.
func (r *results) verifyLine(name string, cases []verifyCase, x func(verifyCase) int) line {
	l := line{name: name}
	for _, c := range cases {
		if row := r.verifyRow(c, name); len(row.NS) > 0 {
			l.points = append(l.points, plotter.XY{X: float64(x(c)), Y: row.NS.median() / 1e3})
		}
	}
	return l
}

func (r *results) verifyPicture(p picture, names []string, cases []verifyCase, x func(verifyCase) int) picture {
	for _, name := range names {
		p.lines = append(p.lines, r.verifyLine(name, cases, x))
	}
	return p
}

var whoVerifies = []string{"hookonce", "svix", "standard-webhooks", "bare SHA-256"}

func (r *results) bySize() picture {
	var cases []verifyCase
	for _, n := range verifySizes {
		cases = append(cases, verifyCase{"standard", n, 1, 1, 0})
	}
	return r.verifyPicture(picture{
		file: "verify-body.svg", title: "Verifying a message", x: "body (logarithmic)", y: "time (µs, logarithmic)", logX: true, logY: true,
		ticks: verifySizes, label: size,
	}, append(whoVerifies, "hookonce, ed25519"), cases, func(c verifyCase) int { return c.Size })
}

func (r *results) byKeys() picture {
	return r.verifyPicture(picture{
		file: "verify-keys.svg", title: "Verifying 1 KiB, the last key matches", x: "keys", y: "time (µs)", ticks: verifyKeys, label: strconv.Itoa,
	}, whoVerifies[:3], moreKeys(), func(c verifyCase) int { return c.Keys })
}

func (r *results) bySignatures() picture {
	return r.verifyPicture(picture{
		file: "verify-signatures.svg", title: "Verifying 1 KiB, the last signature matches", x: "signatures", y: "time (µs)", ticks: verifySignatures, label: strconv.Itoa,
	}, whoVerifies[:3], moreSignatures(), func(c verifyCase) int { return c.Signatures })
}

func (r *results) storePicture(p picture, y func(storeRow) float64) picture {
	p.ticks, p.label = storeIDs, count
	for _, kind := range storeKinds {
		l := line{name: kind}
		for _, n := range storeIDs {
			if s := r.store(kind, n); len(s.Message) > 0 && y(s) > 0 {
				l.points = append(l.points, plotter.XY{X: float64(n), Y: y(s)})
			}
		}
		p.lines = append(p.lines, l)
	}
	return p
}

func (r *results) byIDs() picture {
	return r.storePicture(picture{
		file: "stores-time.svg", title: "A claim and its settlement in memory", x: "live ids (logarithmic)", y: "time (µs)", logX: true,
	}, func(s storeRow) float64 { return s.Message.median() / 1e3 })
}

func (r *results) collections() picture {
	return r.storePicture(picture{
		file: "stores-gc.svg", title: "A garbage collection with a store in memory", x: "live ids (logarithmic)", y: "time (ms, logarithmic)", logX: true, logY: true,
	}, func(s storeRow) float64 { return s.GC.median() })
}

func (r *results) byBody() picture {
	p := picture{
		file: "web-body.svg", title: "Requests per second: hookonce ÷ bare handler", x: "body (logarithmic)", y: "ratio", logX: true,
		ticks: webSizes, label: size,
	}
	for _, f := range frameworks {
		l := line{name: f}
		for _, n := range webSizes {
			if ratio := r.webRow(f, withMemory, n).Rate.over(r.webRow(f, bareHandler, n).Rate); len(ratio) > 0 {
				l.points = append(l.points, plotter.XY{X: float64(n), Y: ratio.median()})
			}
		}
		p.lines = append(p.lines, l)
	}
	return p
}

func (r *results) byCores() picture {
	p := picture{file: "cores.svg", title: "Work with more processors", x: "processors", y: "thousands per second", label: strconv.Itoa}
	verify, admit := line{name: "signatures of 1 KiB"}, line{name: "admissions of 1 KiB, store and all"}
	for _, row := range r.Cores {
		p.ticks = append(p.ticks, row.Cores)
		verify.points = append(verify.points, plotter.XY{X: float64(row.Cores), Y: row.Verify.median() / 1e3})
		admit.points = append(admit.points, plotter.XY{X: float64(row.Cores), Y: row.Deliver.median() / 1e3})
	}
	p.lines = []line{verify, admit}
	return p
}
