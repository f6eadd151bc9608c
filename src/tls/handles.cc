#include "tls/handles.h"

#include "tls/openssl.h"

namespace weir::tls {

void Release::operator()(X509* object) const noexcept { X509_free(object); }
void Release::operator()(EVP_PKEY* object) const noexcept { EVP_PKEY_free(object); }
void Release::operator()(SSL* object) const noexcept { SSL_free(object); }
void Release::operator()(SSL_CTX* object) const noexcept { SSL_CTX_free(object); }
void Release::operator()(SSL_SESSION* object) const noexcept { SSL_SESSION_free(object); }

X509Ptr share(X509* object) {
  X509_up_ref(object);
  return X509Ptr(object);
}

PkeyPtr share(EVP_PKEY* object) {
  EVP_PKEY_up_ref(object);
  return PkeyPtr(object);
}

std::string take_openssl_error() {
  unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "no reason given";
  if (const char* reason = ERR_reason_error_string(error)) return reason;
  char text[160];
  ERR_error_string_n(error, text, sizeof text);
  return text;
}

Failure fail_openssl(Code code, std::string_view what) {
  return fail(code, std::string(what).append(": ").append(take_openssl_error()));
}

BioPtr memory_bio(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace weir::tls
