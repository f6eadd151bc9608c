// BodyTable: the bodies of one session file. Append-only; equal bodies are stored once, as far as memory
// serves: an index by hash would cost every new body a random page of the file.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "flow/flow.h"
#include "http/fields.h"
#include "store/query.h"
#include "store/sqlite.h"

struct ZSTD_CCtx_s;

namespace weir::store {

/// The writing side. Used inside the transactions of its Database; one thread.
class BodyTable {
 public:
  static Result<BodyTable> open(Database& database);

  /// The id of a row that holds the body's bytes, made unless it is among the last 65,536 or so; 0 for an
  /// empty body. Bodies of 2 KiB and more are stored with zstd where that saves a tenth, unless the message's
  /// `fields` say that they are compressed, and they still are.
  Result<BodyId> put(const flow::Captured& body, const http::Fields& fields);
  /// Call after a rollback: forgets what was remembered of rows that are no longer there.
  void forget();

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  struct Recent {
    std::string bytes;
    BodyId id = 0;
  };

  struct Known {
    std::int64_t hash64 = 0;
    BodyId id = 0;
  };

  Result<bool> holds(BodyId id, const Sha256& sha256);
  Result<BodyId> insert(std::string_view bytes, const Sha256& sha256, std::int64_t hash64, bool compress);

  Statement look_;
  Statement insert_;
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> compressor_;
  std::string compressed_;  // reused from body to body
  // By hash; a newer body takes the slot of an older one.
  std::vector<Recent> recent_;  // small bodies, to be found without computing their SHA-256
  std::vector<Known> known_;
  sqlite3* handle_ = nullptr;
};

/// The bytes of a body as they were handed to `put`. Fails with not_found, or io when the row is damaged.
Result<std::string> load_body(Database& database, BodyId id);

}  // namespace weir::store
