#include "dialect/gemini/message.hpp"

namespace sluice::dialect::gemini {

void read_answer(json::Reader& reader, OutputTexts& /*texts*/) { reader.skip(); }

}  // namespace sluice::dialect::gemini
