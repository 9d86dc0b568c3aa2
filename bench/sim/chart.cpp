#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/report.hpp"

namespace sluice::sim {
namespace {

constexpr double kLeft = 60;
constexpr double kTop = 54;
constexpr double kWidth = 560;
constexpr double kHeight = 340;
constexpr double kFrom = 0.1;  // seconds
constexpr double kTo = 300;

constexpr std::array<std::string_view, 8> kColours = {"#8c8c8c", "#b58900", "#cb7a2f", "#a0522d",
                                                      "#c2a5cf", "#2f7ed8", "#1aa179", "#c2185b"};

double x_of(double ttft) {
  const double clamped = std::clamp(ttft, kFrom, kTo);
  return kLeft + kWidth * std::log(clamped / kFrom) / std::log(kTo / kFrom);
}
double y_of(double share) { return kTop + kHeight * (1 - share); }

void text(std::string& out, double x, double y, std::string_view more, std::string_view words) {
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", x, y, more, words);
}

void axes(std::string& out, double target) {
  constexpr std::array kTimes = {0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0};
  for (const double time : kTimes) {
    out += fmt::format("<path d=\"M{:.1f} {} V{}\" class=\"grid\"/>\n", x_of(time), kTop,
                       kTop + kHeight);
    text(out, x_of(time), kTop + kHeight + 18, " text-anchor=\"middle\"", fmt::format("{}", time));
  }
  for (int percent = 0; percent <= 100; percent += 20) {
    const double y = y_of(percent / 100.0);
    out += fmt::format("<path d=\"M{} {:.1f} H{}\" class=\"grid\"/>\n", kLeft, y, kLeft + kWidth);
    text(out, kLeft - 8, y + 4, " text-anchor=\"end\"", fmt::format("{}", percent));
  }
  out += fmt::format("<path d=\"M{0:.1f} {1} V{2}\" class=\"target\"/>\n", x_of(target), kTop,
                     kTop + kHeight);
  text(out, x_of(target), kTop - 6, " text-anchor=\"middle\" class=\"small\"",
       fmt::format("{} s", target));
  text(out, kLeft + kWidth / 2, kTop + kHeight + 38, " text-anchor=\"middle\"",
       "seconds from arrival to first token");
  out += fmt::format(
      "<text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">% of requests"
      "</text>\n",
      kTop + kHeight / 2);
}

void curve(std::string& out, const Row& row, std::string_view colour) {
  constexpr int kPoints = 280;
  std::string path;
  for (int i = 0; i <= kPoints; ++i) {
    const double ttft = kFrom * std::pow(kTo / kFrom, static_cast<double>(i) / kPoints);
    const auto below = std::ranges::upper_bound(row.ttft, ttft) - row.ttft.begin();
    const double share = static_cast<double>(below) / static_cast<double>(row.ttft.size());
    path += fmt::format("{}{:.1f} {:.1f}", i == 0 ? "M" : " L", x_of(ttft), y_of(share));
  }
  out += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>\n", path,
                     colour, row.production ? 2.6 : 1.5);
}

}  // namespace

std::string svg(const Heading& heading, std::span<const Row> rows) {
  if (rows.empty()) return {};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      "<style>.grid{{stroke:#e2e2e2}} .target{{stroke:#222;stroke-dasharray:4 3}} "
      ".small{{font-size:11px}} .title{{font-size:14px;font-weight:bold}}</style>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kLeft + kWidth + 320, kTop + kHeight + 52);
  text(out, kLeft, 24, " class=\"title\"",
       fmt::format("Time to first token: {}, {} times its rate, on {}; {} gateway{}", heading.trace,
                   heading.rate, heading.fleet, rows.front().gateways,
                   rows.front().gateways == 1 ? "" : "s"));
  axes(out, heading.target);
  size_t line = 0;
  for (const Row& row : rows) {
    if (row.ttft.empty() || row.gateways != rows.front().gateways ||
        row.interval != rows.front().interval) {
      continue;
    }
    const std::string_view colour = kColours[line % kColours.size()];
    curve(out, row, colour);
    const double y = kTop + 14 + 34 * static_cast<double>(line);
    const double x = kLeft + kWidth + 22;
    out += fmt::format("<path d=\"M{} {} h22\" stroke=\"{}\" stroke-width=\"{}\"/>\n", x, y - 4,
                       colour, row.production ? 3 : 2);
    text(out, x + 30, y, row.production ? " font-weight=\"bold\"" : "", row.policy);
    text(out, x + 30, y + 14, " class=\"small\"",
         fmt::format("{:.1f} % within {} s, p99 {:.2f} s", 100 * row.within, heading.target,
                     row.p99));
    ++line;
  }
  out += "</svg>\n";
  return out;
}

}  // namespace sluice::sim
