// Text for tests, benchmarks and fuzzers: deterministic, and rich in what the patterns tell apart.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace sluice::tokens {

/// What matters where a piece begins or ends, alone or beside another of these.
inline constexpr std::array<std::string_view, 96> kAtoms = {
    "a",
    "b",
    "the",
    "Hello",
    "A",
    "AB",
    "aB",
    "_",
    "-",
    "=",
    "====",
    "   ",
    " ",
    " ",
    " ",
    "  ",
    "\t",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\v",
    "'",
    "'s",
    "'S",
    "'\u017f",
    "'t",
    "'T",
    "'re",
    "'RE",
    "'r",
    "'ll",
    "'l",
    "'lL",
    "'ve",
    "'v",
    "'vE",
    "'m",
    "'d",
    "'D",
    "\"",
    "/",
    "//",
    "!",
    "?!",
    "...",
    "{\"a\":1}",
    "1",
    "12",
    "7",
    "\u2167",
    "\u00b2",
    "\u0663",
    "\u65e5\u672c",
    "\u8a9e",
    "\u306e",
    "\u30fc",
    "\u10d0",
    "\u01c5",
    "\u02b0",
    "\u0301",
    "\u0308",
    "\U0001f600",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u2764\ufe0f",
    "\U0001f1e9\U0001f1ea",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u2003",
    "\u180e",
    "\u200b",
    "\u0085",
    "\u00c9",
    "\u00e9",
    "\u00df",
    "\u03a9",
    "\u0418",
    "\u043f\u0440\u0438\u0432\u0435\u0442",
    "\u041f\u0420\u0418",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\ud55c\uad6d\uc5b4",
    "\U00010400",
    "\ufffd",
    "\u00ad",
    "\u212a",
    "\u017f",
    "\u1c89",
    "K",
    "s",
    "l",
    "ing",
    "<|endoftext|>",
    "return",
    "0x1F"};

/// As a model writes: prose, Chinese, Japanese, Thai, Khmer, Lao, Burmese, Russian, code.
inline constexpr std::string_view kProse =
    "The harbour was quiet by the time the last ferry came in. Nobody on the quay remembered who "
    "had first said that the lighthouse wouldn't be lit again, but by Tuesday it was what "
    "everybody said, and nobody had asked the keeper.\n\nHe'd have told them: \"It's the lens, "
    "not the lamp.\" He had written three letters (in March, April and June 1987) to the office, "
    "and they'd answered none. So he cleaned the glass, as he did every evening; wound the clock; "
    "and noted the wind, north-north-west, at 14 knots.\n\n1. **Check the lens** for cracks.\n"
    "2. Order a replacement, if you can afford one ($2,350).\n3. Don't wait.\n\n";
inline constexpr std::string_view kChinese =
    "港口在最后一班渡轮靠岸时已经安"
    "静下来。没有人记得是谁先说灯塔"
    "不会再亮了，但到了星期二，大家"
    "都这么说。\n\n“问题在镜片，不在"
    "灯。”他在 1987 年写过三封信，都没"
    "有回音。于是他每天晚上擦玻璃、"
    "上发条、记录风向：西北偏北，14 "
    "节。\n";
inline constexpr std::string_view kJapanese =
    "最後の渡し船が着くころには、港は"
    "もう静かになっていた。灯台に二度"
    "と明かりがともらないと誰が言い出"
    "したのか、覚えている人はいない。\n"
    "「問題はレンズで、ランプではあり"
    "ません」と彼は 1987 年に三通の手紙"
    "を書いたが、返事は来なかった。\n";
inline constexpr std::string_view kThai =
    "ท่าเรือเงียบลงแล้วเมื่อเรือข้ามฟากลำสุดท้าย"
    "มาถึง ไม่มีใครจำได้ว่าใครเป็นคนแรกที่พูดว่า"
    "ประภาคารจะไม่ติดไฟอีก แต่พอถึงวันอังคาร"
    "ทุกคนก็พูดอย่างนั้น\n";
inline constexpr std::string_view kKhmer =
    "នៅពេលដែលសាឡាងចុងក្រោយមកដល់កំពង់ផែបានស្ងាត់ទៅហើយគ្មាននរណាម្នាក់ចាំថា"
    "អ្នកណានិយាយមុនគេថាប្រទីបនឹងមិនត្រូវបានបំភ្លឺទៀតទេ។\n";
inline constexpr std::string_view kLao =
    "ທ່າເຮືອງຽບສະຫງົບແລ້ວເມື່ອເຮືອຂ້າມຟາກລຳສຸດທ້າຍມາຮອດບໍ່ມີໃຜຈື່ໄດ້ວ່າໃຜເວົ້າກ່ອນ\n";
inline constexpr std::string_view kMyanmar = "နောက်ဆုံးကူးတို့သင်္ဘောရောက်လာချိန်တွင်ဆိပ်ကမ်းသည်တိတ်ဆိတ်နေပြီဖြစ်သည်။\n";
inline constexpr std::string_view kRussian =
    "Когда пришёл последний паром, в гавани уже было тихо. Никто не помнил, кто "
    "первым сказал, что маяк больше не зажгут.\n\n«Дело в линзе, а не в лампе», — "
    "писал он в 1987 году, но ответа так и не получил.\n";
inline constexpr std::string_view kCode =
    "```python\n@dataclass(frozen=True)\nclass Reading:\n    wind: float = 0.0   # knots\n"
    "    taken_at: datetime | None = None\n\n    def __post_init__(self):\n"
    "        if not 0 <= self.wind < 200:\n            raise ValueError(f\"{self.wind!r} knots?\")"
    "\n\ndef mean(readings: Iterable[Reading]) -> float:\n    values = [r.wind for r in readings]\n"
    "    return sum(values) / max(len(values), 1)\n```\n\n{\"id\":\"chatcmpl-9f8Ae2\","
    "\"usage\":{\"prompt_tokens\":1024,\"completion_tokens\":57},\"url\":"
    "\"https://example.com/a/b?c=d&e=%20f\"}\n";

/// Appends a code point.
inline void put_character(std::string& text, uint32_t cp) {
  const auto add = [&text](uint32_t byte) { text += static_cast<char>(byte); };
  if (cp < 0x80) return add(cp);
  if (cp < 0x800) return add(0xc0 | cp >> 6), add(0x80 | (cp & 0x3f));
  if (cp < 0x10000) {
    return add(0xe0 | cp >> 12), add(0x80 | (cp >> 6 & 0x3f)), add(0x80 | (cp & 0x3f));
  }
  add(0xf0 | cp >> 18);
  add(0x80 | (cp >> 12 & 0x3f));
  add(0x80 | (cp >> 6 & 0x3f));
  add(0x80 | (cp & 0x3f));
}

/// A text of about `size` bytes of atoms, runs of one atom, and any code points.
inline std::string mixed_text(std::mt19937_64& random, size_t size) {
  std::string text;
  const auto below = [&random](uint64_t limit) { return random() % limit; };
  while (text.size() < size) {
    const uint64_t kind = below(100);
    if (kind < 90) {
      text += kAtoms[below(kAtoms.size())];
    } else if (kind < 95) {
      const std::string_view atom = kAtoms[below(kAtoms.size())];
      for (uint64_t count = below(kind == 94 ? 300 : 20); count > 0; --count) text += atom;
    } else {
      const auto cp = static_cast<uint32_t>(below(kind < 99 ? 0x3000 : 0x110000));
      put_character(text, cp >= 0xd800 && cp < 0xe000 ? 0x41 : cp);
    }
  }
  return text;
}

}  // namespace sluice::tokens
