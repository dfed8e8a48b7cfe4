package report

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
)

// ErrNothingToDraw is returned when no row has figures of both servers.
var ErrNothingToDraw = errors.New("report: nothing to draw")

// ceiling is the highest bar drawn: one workload gone wrong must not flatten the rest.
const ceiling = 2.0

// WriteChart draws, as SVG, our CPU time an operation over the base's: one bar a
// workload that was run for it, hanging below the line at 1 where we need less.
func (p Report) WriteChart(w io.Writer) error {
	var bars []chart.Value
	for _, r := range p.Rows {
		if r.Metric != Rate && r.Metric != CPU || len(r.Results) < 2 {
			continue
		}
		v := r.Ratio(1, CPU)
		if v.N == 0 {
			continue
		}
		fill := drawing.ColorFromHex("2e7d32")
		if v.Median > 1 {
			fill = drawing.ColorFromHex("c62828")
		}
		bars = append(bars, chart.Value{
			Label: fmt.Sprintf("%s %.2f", r.Workload, v.Median),
			Value: math.Min(v.Median, ceiling),
			Style: chart.Style{FillColor: fill, StrokeColor: fill, StrokeWidth: 0},
		})
	}
	if len(bars) == 0 {
		return ErrNothingToDraw
	}
	const barWidth, gap = 14, 8
	// The chart package keeps the bottom margin twice and takes the axis out of the
	// width given, hence half of what the labels need, and some more to the right.
	const left, right, axis, bottom = 20, 20, 60, 95
	var ticks []chart.Tick
	for v := 0.0; v <= ceiling; v += 0.25 {
		ticks = append(ticks, chart.Tick{Value: v, Label: fmt.Sprintf("%.2f", v)})
	}
	c := chart.BarChart{
		Title:        "CPU time an operation, ours / base (less is better)",
		TitleStyle:   chart.Style{FontSize: 12},
		Background:   chart.Style{Padding: chart.Box{Top: 40, Left: left, Right: right, Bottom: bottom}},
		Width:        max(left+right+axis+len(bars)*(barWidth+gap), 520),
		Height:       560,
		BarWidth:     barWidth,
		BarSpacing:   gap,
		UseBaseValue: true,
		BaseValue:    1,
		XAxis:        chart.Style{FontSize: 8, TextRotationDegrees: 90},
		YAxis: chart.YAxis{
			Range: &chart.ContinuousRange{Min: 0, Max: ceiling},
			Ticks: ticks,
		},
		Bars: bars,
	}
	if err := c.Render(chart.SVG, w); err != nil {
		return fmt.Errorf("report: draw: %w", err)
	}
	return nil
}
