"""Run by Alembic: applies the steps on the connection that it was given."""

from alembic import context

from control.state.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite can, once the driver leaves transactions to us.
    transactional_ddl=True,
)
context.run_migrations()
