#include "dialect/responses/message.hpp"

namespace sluice::dialect::responses {

void read_answer(json::Reader& reader, OutputTexts& /*texts*/) { reader.skip(); }

}  // namespace sluice::dialect::responses
