// The Prometheus text format (version 0.0.4), read by pulling, line by line: what inference
// engines tell of themselves. Strict, without allocation; a page is hostile until it is read.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::agent {

/// One line with a value. Views into the page.
struct Sample {
  std::string_view name;
  std::string_view labels;  // as they stand between the braces
  double value = 0;         // may be NaN or infinite

  /// What a label says; empty when there is none of that name, which means the same.
  std::string label(std::string_view wanted) const;
};

///   PageReader reader(page);
///   Sample sample;
///   while (reader.next(sample)) ...
///   if (reader.bad_line() != 0) ...   // not such a page
class PageReader {
 public:
  static constexpr size_t kMaxLine = 64 * 1024;

  /// `page` outlives the reader and its samples.
  explicit PageReader(std::string_view page) : rest_(page) {}

  /// The next sample; comments and empty lines are passed over. False at the page's end, and for
  /// good at the first line that is none.
  bool next(Sample& sample);
  /// Number of the line that is no sample; 0: there was none so far.
  size_t bad_line() const { return bad_ ? line_ : 0; }

 private:
  std::string_view rest_;
  size_t line_ = 0;
  bool bad_ = false;
};

/// One gauge of several data-parallel ranks. Tensor-parallel processes of one rank repeat it:
/// the largest counts. What is negative or no number is passed over.
class Ranks {
 public:
  static constexpr size_t kMost = 4096;

  void add(std::string_view rank, double value);
  size_t size() const { return values_.size(); }
  std::optional<double> sum() const;
  std::optional<double> mean() const;

 private:
  std::map<std::string, double, std::less<>> values_;
};

}  // namespace sluice::agent
