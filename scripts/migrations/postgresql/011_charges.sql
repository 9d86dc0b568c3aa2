-- The entry of a request, which its story shows. Ids of usage grow with time, so that this grows at
-- its end.
CREATE INDEX wallet_transactions_charge ON wallet_transactions (reference) WHERE kind = 'charge';
